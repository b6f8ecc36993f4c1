"""What our bookings are called outside: written by connectors, in short transactions of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from hmnp.core import transactions
from integrations.models import ExternalRef
from integrations.states import Destination


def find(*, booking_id: UUID, system: Destination, kind: str | None = None) -> list[ExternalRef]:
    """Give a booking's objects in one system, of one kind or all."""
    refs = ExternalRef.objects.filter(booking_id=booking_id, system=system.value)
    return list((refs if kind is None else refs.filter(kind=kind)).order_by("pk"))


def booking_of(*, system: Destination, kind: str, external_id: str) -> ExternalRef | None:
    """Give the reference that an outside object has, or None when it is none of ours."""
    return ExternalRef.objects.filter(
        system=system.value, kind=kind, external_id=external_id
    ).first()


def write(
    *,
    booking_id: UUID,
    system: Destination,
    kind: str,
    external_id: str,
    version: int,
    container: str = "",
    written_hash: str = "",
    status: str = "",
) -> ExternalRef:
    """Keep what the outside holds; version 0 means that it may be there, and must be looked for.

    One object of a kind a booking and container: another id replaces the one before.
    """

    def work() -> ExternalRef:
        ref, _ = ExternalRef.objects.update_or_create(
            booking_id=booking_id,
            system=system.value,
            kind=kind,
            container=container,
            defaults={
                "external_id": external_id,
                "version": version,
                "written_hash": written_hash,
                "status": status[:60],
                "synced_at": Now() if version else None,
            },
        )
        return ref

    return transactions.run(work)


@dataclass(frozen=True, slots=True)
class FormerRef:
    """What the system before this one called a booking outside."""

    booking_id: UUID
    system: str
    kind: str
    external_id: str
    container: str = ""


def import_refs(*, refs: Iterable[FormerRef]) -> None:
    """Keep many names at once, in the caller's transaction; what is known by then stays.

    Version 0: the object may be there, and is looked for before it is relied on.
    """
    found = [asdict(ref) | {"booking_id": str(ref.booking_id)} for ref in refs]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_externalref (booking_id, system, kind, container, external_id,
                version, written_hash, status, created_at, updated_at)
            SELECT booking_id, system, kind, container, external_id, 0, '', '',
                   statement_timestamp(), statement_timestamp()
            FROM json_to_recordset(%s::json) AS found(
                booking_id uuid, system text, kind text, container text, external_id text)
            ON CONFLICT DO NOTHING
            """,
            [json.dumps(found)],
        )
