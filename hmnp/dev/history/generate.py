"""Fill the database with years of bookings; on the way nobody else may use these tables."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Max

from bookings.models import Booking, Notary, NotaryHours, TimelineEvent
from bookings.models.notary import CalendarKind
from hmnp.accounts.models import Partner, Terms
from hmnp.core.times import local_date
from hmnp.dev.history.bulk import analyze, next_id, numbered_to, without_indexes
from hmnp.dev.history.plan import MOST_YEARS, appointments, days_needed, zips
from hmnp.dev.history.rows import TABLES, History
from services.catalogue import active_services
from services.definitions import ServiceDefinition
from services.models import Service

PARTNER = "Made-up Title Company"
_EMAIL_END = "@history.example"
_CHUNK = 5_000
_OPENS, _CLOSES = 7 * 60, 21 * 60


@dataclass(frozen=True)
class Generated:
    """What was written, and how long it took."""

    bookings: int
    notaries: int
    rows: int
    seconds: float


def generate(*, bookings: int, notaries: int, seed: int, say: Callable[[str], None]) -> Generated:
    """Write this many bookings of this many new notaries; the same seed gives the same history.

    Raises ValueError when so few notaries would have had to work for more than twelve years.
    """
    if days_needed(bookings=bookings, notaries=notaries) > MOST_YEARS * 365:
        raise ValueError(f"{notaries} notaries cannot have done so much in {MOST_YEARS} years.")
    begun = time.monotonic()
    dice = random.Random(seed)  # noqa: S311 -- made-up people, and the same ones again
    now = datetime.now(tz=UTC)
    services = active_services()
    with transaction.atomic():
        homes = _notaries(notaries, services, dice)
        partner, _ = Partner.objects.get_or_create(
            name=PARTNER, defaults={"terms": Terms.STATEMENT}
        )
        history = History(
            services=services,
            partner_id=partner.pk,
            first_number=_first_free_number(),
            first_event_id=next_id(TimelineEvent),
            now=now,
            dice=dice,
        )
        with without_indexes(TABLES):
            planned = appointments(
                count=bookings,
                homes=homes,
                services=services,
                today=local_date(now, zone=services[0].timezone),
                dice=dice,
            )
            with closing(history.buffers) as buffers:
                for number, one in enumerate(planned, start=1):
                    history.add(one)
                    if number % _CHUNK == 0:
                        buffers.flush()
                    if number % 100_000 == 0:
                        say(f"{number:,} bookings after {time.monotonic() - begun:.0f} s")
                buffers.flush()
                buffers.wait()
            numbered_to(TimelineEvent, history.last_event_id)
            say(f"copied after {time.monotonic() - begun:.0f} s; building the indexes")
    analyze(TABLES)
    return Generated(
        bookings=bookings,
        notaries=notaries,
        rows=history.buffers.copied,
        seconds=time.monotonic() - begun,
    )


def _notaries(count: int, services: list[ServiceDefinition], dice: random.Random) -> dict[int, str]:
    first = Notary.objects.filter(email__endswith=_EMAIL_END).count() + 1
    homes = zips()
    made = Notary.objects.bulk_create(
        Notary(
            name=f"Notary {number:04d}",
            email=f"notary-{number:04d}{_EMAIL_END}",
            home_zip=dice.choice(homes),
            # Nobody's calendar outside is written to.
            calendar_kind=CalendarKind.NONE,
        )
        for number in range(first, first + count)
    )
    NotaryHours.objects.bulk_create(
        NotaryHours(notary=one, weekday=day, opens_minute=_OPENS, closes_minute=_CLOSES)
        for one in made
        for day in range(1, 8)
    )
    can_do = list(Service.objects.filter(pk__in=[one.id for one in services]))
    for service in can_do:
        Notary.skills.through.objects.bulk_create(
            Notary.skills.through(notary_id=one.pk, service_id=service.pk) for one in made
        )
    return {one.pk: one.home_zip for one in made}


def _first_free_number() -> int:
    last = Booking.objects.filter(reference__startswith="HX-").aggregate(last=Max("reference"))
    return int((last["last"] or "HX-0").removeprefix("HX-")) + 1
