"""What our bookings are called outside: written by connectors, in short transactions of its own."""

from __future__ import annotations

from uuid import UUID

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
