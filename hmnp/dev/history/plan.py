"""Who works when: made-up notaries' days, driven as the calendar's own rule says. No database."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bookings.chain import Job, inbound_minutes
from hmnp.core.times import at_minute
from services import travel
from services.definitions import ServiceDefinition
from services.errors import OutOfServiceArea

# Where the service goes, from Galveston to the middle of Houston.
_ZIPS = (
    "77591 77573 77539 77058 77062 77546 77581 77584 77089 77598 77586 77565 77568 77590 77550 "
    "77551 77511 77518 77563 77510 77517 77034 77075 77017 77061 77087 77002 77004 77007 77019"
)
# Starts of a working day, in minutes; what does not fit after the drive is left out.
_STARTS = (480, 600, 720, 840, 960, 1080)
_JOBS_A_DAY = (2, 3, 3, 4, 4, 5)
# Of all days that are filled, so many are to come; never more than the horizon allows.
_SHARE_TO_COME = 3
_MOST_DAYS_TO_COME = 45
_SHARE_KEPT = 0.92
MOST_YEARS = 12


@dataclass(frozen=True, slots=True)
class Appointment:
    """One job of one notary, with the drive to it."""

    notary_id: int
    service: ServiceDefinition
    starts_at: datetime
    ends_at: datetime
    period_starts_at: datetime
    period_ends_at: datetime
    place_zip: str
    customer_zip: str
    # What is not kept was cancelled or never paid for; the notary drove past it.
    is_kept: bool


def zips() -> list[str]:
    """Give the places where customers and notaries live."""
    return _ZIPS.split()


def served_zips(service: ServiceDefinition) -> list[str]:
    """Give the places that the service really goes to."""
    found = []
    for zip_code in zips():
        if service.area is None:
            break
        try:
            miles = travel.distance_miles(area=service.area, zip_code=zip_code)
            travel.travel_fee_cents(area=service.area, miles=miles)
        except OutOfServiceArea:
            continue
        found.append(zip_code)
    return found


def days_needed(*, bookings: int, notaries: int) -> int:
    """Give how many local days so many appointments fill, some more than are needed."""
    a_day = sum(_JOBS_A_DAY) / len(_JOBS_A_DAY) * 0.8
    return int(bookings / (notaries * a_day)) + 2


def appointments(
    *,
    count: int,
    homes: dict[int, str],
    services: Sequence[ServiceDefinition],
    today: date,
    dice: random.Random,
) -> Iterator[Appointment]:
    """Give `count` appointments, the latest day first; a third of the days lie ahead.

    `homes` are the ZIPs of the notaries by their ids.
    """
    days = days_needed(bookings=count, notaries=len(homes))
    ahead = min(max(days // _SHARE_TO_COME, 1), _MOST_DAYS_TO_COME)
    served = {service.slug: served_zips(service) for service in services}
    made = 0
    day = today + timedelta(days=ahead)
    while made < count:
        for notary_id, home_zip in homes.items():
            for one in _day(notary_id, home_zip, day, services, served, dice):
                yield one
                made += 1
                if made == count:
                    return
        day -= timedelta(days=1)
        if day == today:
            # What is under way now would have to be told apart by the hour.
            day -= timedelta(days=1)


def _day(
    notary_id: int,
    home_zip: str,
    day: date,
    services: Sequence[ServiceDefinition],
    served: dict[str, list[str]],
    dice: random.Random,
) -> Iterator[Appointment]:
    previous: Job | None = None
    for minutes in sorted(dice.sample(_STARTS, dice.choice(_JOBS_A_DAY))):
        service = dice.choice(services)
        starts_at = at_minute(day, minutes, zone=service.timezone)
        customer_zip = dice.choice(served[service.slug]) if service.is_mobile else ""
        job = Job(
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=service.duration_minutes),
            wrap_up=timedelta(minutes=service.wrap_up_minutes),
            place_zip=customer_zip or home_zip,
        )
        drive = timedelta(
            minutes=inbound_minutes(
                home_zip=home_zip, previous=previous, job=job, zone=service.timezone
            )
        )
        if previous and previous.free_at + drive > starts_at:
            continue
        is_kept = dice.random() < _SHARE_KEPT
        yield Appointment(
            notary_id=notary_id,
            service=service,
            starts_at=starts_at,
            ends_at=job.ends_at,
            period_starts_at=starts_at - drive,
            period_ends_at=job.free_at,
            place_zip=job.place_zip,
            customer_zip=customer_zip,
            is_kept=is_kept,
        )
        if is_kept:
            previous = job
