"""Take over a service that only the system before this one sold, so that its history has a name."""

from __future__ import annotations

from uuid import UUID

from django.utils.text import slugify

from services.models import CancellationTier, Service

_PREFIX = "v1-"


def import_service(
    *, name: str, like: UUID, base_price_cents: int, duration_minutes: int
) -> tuple[UUID, bool]:
    """Give the id of an inactive service called `name` and whether it is new.

    It is made after the service `like`: its type, area and cancellation tiers. Runs inside the
    caller's transaction.
    """
    slug = f"{_PREFIX}{slugify(name)}"[:50]
    known = Service.objects.filter(slug=slug).first()
    if known is not None:
        return known.pk, False
    made = Service.objects.get(pk=like)
    tiers = list(CancellationTier.objects.filter(service=made))
    made.pk = None
    made._state.adding = True
    made.id = Service._meta.pk.get_default()
    made.slug, made.name, made.is_active = slug, name[:80], False
    made.description = "Sold by the system before this one; not on offer any more."
    made.base_price_cents = max(base_price_cents, 1)
    made.duration_minutes = duration_minutes
    made.position = 99
    made.save(force_insert=True)
    for tier in tiers:
        tier.pk = None
        tier._state.adding = True
        tier.service = made
        tier.save(force_insert=True)
    return made.pk, True
