"""Take over a notary from the system before this one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from bookings.models import Notary, NotaryHours
from services.models import Service


@dataclass(frozen=True)
class FormerNotary:
    """One notary; minutes of the local day, every day alike."""

    name: str
    email: str
    phone: str
    home_zip: str
    daily_capacity: int
    opens_minute: int
    closes_minute: int
    is_active: bool
    skills: Collection[UUID]


def import_notary(*, notary: FormerNotary) -> tuple[int, bool]:
    """Give the notary's id here and whether the row is new, inside the caller's transaction.

    One whose address is known is left as our staff keep them.
    """
    known = Notary.objects.filter(email__iexact=notary.email).first()
    if known is not None:
        return known.pk, False
    made = Notary.objects.create(
        name=notary.name,
        email=notary.email,
        phone=notary.phone,
        home_zip=notary.home_zip,
        daily_capacity=notary.daily_capacity,
        is_active=notary.is_active,
    )
    made.skills.set(Service.objects.filter(pk__in=notary.skills))
    NotaryHours.objects.bulk_create(
        NotaryHours(
            notary=made,
            weekday=weekday,
            opens_minute=notary.opens_minute,
            closes_minute=notary.closes_minute,
        )
        for weekday in range(1, 8)
    )
    return made.pk, True
