"""Idempotency keys: the record lives in the transaction of the effect it remembers.

An action calls `begin` first inside its transaction and `finish` last. The same key then either
waits for the twin to commit and replays its answer, or finds nothing and is the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db import OperationalError, connection

from hmnp.core import tokens
from hmnp.core.errors import DomainError, IdempotencyInProgress, IdempotencyKeyReused
from hmnp.core.models import IdempotencyRecord
from hmnp.core.transactions import LOCK_NOT_AVAILABLE, sqlstate

T = TypeVar("T")


@dataclass(frozen=True)
class Secret:
    """A token that belongs in the answer under `field` but not in the stored body."""

    field: str
    purpose: str
    subject_id: UUID
    generation: int
    key_id: str

    def reveal(self) -> str:
        """Derive the token again."""
        return tokens.derive(
            purpose=self.purpose,
            subject_id=self.subject_id,
            generation=self.generation,
            key_id=self.key_id,
        ).text


@dataclass(frozen=True)
class Answer:
    """A 2xx answer: `body` is JSON without secrets; `secrets` are put in as it goes out."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    replayed: bool = False

    def full_body(self) -> dict[str, Any]:
        """Give the body with its secrets."""
        return {**self.body, **{secret.field: secret.reveal() for secret in self.secrets}}


class Replayed(Exception):
    """This request was answered before; `answer` is that answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__("replayed")


def fingerprint(body: object) -> str:
    """Give the SHA-256 of a JSON body in canonical form."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass
class Idempotency:
    """One keyed request: who asked what; `render` makes the answer from the action's result."""

    principal: str
    method: str
    path: str
    key: str
    fingerprint: str
    render: Callable[[Any], Answer]
    answer: Answer | None = None

    def begin(self) -> None:
        """Insert the record, first of all in the effect's transaction.

        Raises `Replayed`, `IdempotencyKeyReused`, or `IdempotencyInProgress` when the twin has
        not finished within two seconds.
        """
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    WITH limits AS (SELECT set_config('lock_timeout', '2s', true))
                    INSERT INTO core_idempotencyrecord
                        (principal, method, path, key, fingerprint, headers, secrets, created_at)
                    SELECT %s, %s, %s, %s, %s, '{}', '[]', clock_timestamp() FROM limits
                    ON CONFLICT (principal, method, path, key) DO NOTHING
                    """,
                    [self.principal, self.method, self.path, self.key, self.fingerprint],
                )
                inserted = cursor.rowcount == 1
        except OperationalError as error:
            if sqlstate(error) == LOCK_NOT_AVAILABLE:
                raise IdempotencyInProgress(retry_after=2) from error
            raise
        if not inserted:
            self.replay()
            raise IdempotencyInProgress(retry_after=2)

    def finish(self, result: Any) -> None:
        """Store the answer made from `result`, last of all in the effect's transaction."""
        answer = self.answer = self.render(result)
        self._row().update(
            status=answer.status,
            body=answer.body,
            headers=answer.headers,
            secrets=[
                {**vars(secret), "subject_id": str(secret.subject_id)} for secret in answer.secrets
            ],
        )

    def replay(self) -> None:
        """Raise `Replayed` or `IdempotencyKeyReused` if the key was answered before."""
        record = self._row().first()
        if record is None or record.status is None:
            return
        if record.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        raise Replayed(
            Answer(
                status=record.status,
                body=record.body,
                headers=record.headers,
                secrets=tuple(
                    Secret(**{**secret, "subject_id": UUID(secret["subject_id"])})
                    for secret in record.secrets
                ),
                replayed=True,
            )
        )

    def _row(self) -> Any:
        return IdempotencyRecord.objects.filter(
            principal=self.principal, method=self.method, path=self.path, key=self.key
        )


def once(idempotency: Idempotency | None, work: Callable[[], T]) -> T:
    """Run `work` unless its key was answered before; a refusal never hides a twin's success.

    The twin may commit between our look and our work, and then the slot it took reads as taken.
    Raises `Replayed`, `IdempotencyKeyReused` and what `work` raises.
    """
    if idempotency is None:
        return work()
    idempotency.replay()
    try:
        return work()
    except DomainError:
        idempotency.replay()
        raise
