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

from django.db import OperationalError

from hmnp.core import planned, tokens
from hmnp.core.errors import DomainError, IdempotencyInProgress, IdempotencyKeyReused
from hmnp.core.models import IdempotencyRecord
from hmnp.core.rows import Beside, Rows
from hmnp.core.transactions import LOCK_NOT_AVAILABLE, sqlstate

T = TypeVar("T")

# The record has a patience of its own; who locks after it waits as long as anybody.
_BEGIN = """
WITH patience AS (SELECT set_config('lock_timeout', '2s', true)), record AS (
    INSERT INTO core_idempotencyrecord
        (principal, method, path, key, fingerprint, headers, secrets, created_at)
    SELECT %s::text, %s::text, %s::text, %s::text, %s::text, '{}', '[]', clock_timestamp()
    FROM patience
    ON CONFLICT (principal, method, path, key) DO NOTHING
    RETURNING id)
"""
_FINISH = """
UPDATE core_idempotencyrecord AS record
SET status = (sent.beside ->> 'status')::smallint, body = sent.beside -> 'body',
    headers = sent.beside -> 'headers', secrets = sent.beside -> 'secrets'
FROM sent
WHERE principal = sent.beside ->> 'principal' AND method = sent.beside ->> 'method'
  AND path = sent.beside ->> 'path' AND key = sent.beside ->> 'key'"""


@dataclass(frozen=True)
class Locks:
    """Advisory locks to take in the order of `rows`, SQL that gives each one's `space` and `id`."""

    rows: str
    values: tuple[Any, ...]

    @property
    def taking(self) -> str:
        """The select list that takes them and gives their ids."""
        return "set_config('lock_timeout', '3s', true), pg_advisory_xact_lock(r.space, r.id), r.id"

    def take(self) -> list[int]:
        """Take them, until the transaction ends, and give their ids."""
        sql = f"SELECT {self.taking} FROM ({self.rows}) AS r"  # noqa: S608 -- our own text
        return [row[-1] for row in planned.ask(sql=sql, values=self.values)]


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

    def begin(self, *, then: Locks | None = None) -> list[int]:
        """Insert the record, first of all in the effect's transaction; give the ids locked `then`.

        Raises `Replayed`, `IdempotencyKeyReused`, or `IdempotencyInProgress` when the twin has
        not finished within two seconds.
        """
        sql, values = _BEGIN, [self.principal, self.method, self.path, self.key, self.fingerprint]
        if then is None:
            sql += "SELECT set_config('lock_timeout', '3s', true), NULL FROM record"
        else:
            sql += (
                f"SELECT {then.taking} FROM record"  # noqa: S608 -- our own text
                f" LEFT JOIN LATERAL ({then.rows}) AS r ON true"
            )
            values += then.values
        try:
            found = planned.ask(sql=sql, values=values)
        except OperationalError as error:
            if _is_about_a_record(error):
                raise IdempotencyInProgress(retry_after=2) from error
            raise
        if not found:
            self.replay()
            raise IdempotencyInProgress(retry_after=2)
        return [row[-1] for row in found if row[-1] is not None]

    def finish(self, result: Any, *, rows: Rows | None = None) -> None:
        """Store the answer made from `result`, last of all in the effect's transaction.

        `rows` are those that wait to be written: it is written with them.
        """
        answer = self.answer = self.render(result)
        rows = rows or Rows()
        rows.beside(
            Beside(
                _FINISH,
                {
                    "status": answer.status,
                    "body": answer.body,
                    "headers": answer.headers,
                    "secrets": [
                        {**vars(secret), "subject_id": str(secret.subject_id)}
                        for secret in answer.secrets
                    ],
                    "principal": self.principal,
                    "method": self.method,
                    "path": self.path,
                    "key": self.key,
                },
            )
        )
        rows.write()

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
    """Run `work`, which begins the record in its transaction; no refusal hides a twin's success.

    The twin may have answered, and then the slot it took reads as taken. Raises `Replayed`,
    `IdempotencyKeyReused` and what `work` raises.
    """
    try:
        return work()
    except DomainError:
        if idempotency is not None:
            idempotency.replay()
        raise


def _is_about_a_record(error: OperationalError) -> bool:
    """Tell whether it was a twin's record that kept us waiting, not a lock taken after it."""
    context = getattr(getattr(error.__cause__, "diag", None), "context", None) or ""
    return sqlstate(error) == LOCK_NOT_AVAILABLE and "core_idempotencyrecord" in context
