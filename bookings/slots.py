"""Choosing a time and a notary: what is free, what comes next, and who gets the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from bookings import schedules
from bookings.availability import Misfit, free_starts, misfit, rank
from bookings.chain import NEVER_ON_OFFER, NotarySchedule
from bookings.claims import Occupied
from bookings.errors import SlotTaken, SlotUnavailable
from bookings.schedules import Schedules
from bookings.staff_terms import CUSTOMERS_TERMS, StaffTerms
from hmnp.core import transactions
from hmnp.core.times import local_date, rfc3339
from services import travel
from services.definitions import ServiceDefinition
from services.errors import OutOfServiceArea

T = TypeVar("T")

ALTERNATIVES = 3
# How far ahead an alternative is looked for before we say there is none.
_LOOK_AHEAD = (1, 14)

MISFITS_IN_WORDS = {
    Misfit.OFF_GRID: "Appointments start on the hour and the half hour.",
    Misfit.INSIDE_NOTICE: "This is too soon for us to be there.",
    Misfit.BEYOND_HORIZON: "This is further ahead than we plan.",
    Misfit.OUTSIDE_HOURS: "This service is not offered at that time.",
    Misfit.BLACKOUT: "We are closed on that day.",
}


@dataclass(frozen=True)
class Slot:
    """A time that can be held now, in UTC."""

    starts_at: datetime
    ends_at: datetime


def free_slots(
    *,
    service: ServiceDefinition,
    zip_code: str | None,
    first_day: date,
    days: int,
    now: datetime,
    own_claim: UUID | None = None,
) -> list[Slot]:
    """Give what can really be held on local days, in order; one statement.

    `own_claim` does not stand in its own way: who holds a time may choose it, or one beside it.
    Raises `UnknownZip` and `OutOfServiceArea`.
    """
    if service.area is not None and zip_code:
        miles = travel.distance_miles(area=service.area, zip_code=zip_code)
        travel.travel_fee_cents(area=service.area, miles=miles)
    loaded = schedules.load(
        service=service, first_day=first_day, days=days, without_claim=own_claim
    )
    length = timedelta(minutes=service.duration_minutes)
    return [
        Slot(starts_at=starts_at, ends_at=starts_at + length)
        for starts_at in free_starts(
            service=service,
            schedules=loaded.notaries,
            blackouts=loaded.blackouts,
            zip_code=zip_code,
            first_day=first_day,
            days=days,
            now=now,
        )
    ]


def next_slots(
    *,
    service: ServiceDefinition,
    zip_code: str | None,
    after: datetime,
    now: datetime,
    count: int = ALTERNATIVES,
) -> list[Slot]:
    """Give the next free times from `after` on; none when none is near."""
    after = max(after, now)
    first_day = local_date(after, zone=service.timezone)
    found: list[Slot] = []
    for days in _LOOK_AHEAD:
        slots = free_slots(
            service=service, zip_code=zip_code, first_day=first_day, days=days, now=now
        )
        found = list(islice((slot for slot in slots if slot.starts_at >= after), count))
        if len(found) == count:
            break
    return found


def alternatives(
    *, service: ServiceDefinition, zip_code: str | None, after: datetime, now: datetime
) -> dict[str, Any]:
    """Give the next three times as an error's details."""
    zone = service.timezone
    try:
        slots = next_slots(service=service, zip_code=zip_code, after=after, now=now)
    except OutOfServiceArea:
        # Only staff come so far, by an agreed fee; to nobody is a time offered there.
        slots = []
    return {
        "alternatives": [
            {
                "startTime": rfc3339(slot.starts_at, zone=zone),
                "endTime": rfc3339(slot.ends_at, zone=zone),
            }
            for slot in slots
        ]
    }


def win(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    zip_code: str | None,
    now: datetime,
    attempt: Callable[[int], T],
    own_claim: UUID | None = None,
    own_notary: int | None = None,
    keeps_time: bool = False,
    terms: StaffTerms = CUSTOMERS_TERMS,
    seen: Schedules | None = None,
) -> T:
    """Run `attempt(notary_id)` for the best notary, in a transaction of its own, then the next.

    One candidate a transaction: holding one calendar while asking for another's deadlocks as soon
    as two customers rank the notaries differently. `own_claim` does not stand in its own way, and
    `own_notary` keeps the job if it can. With `keeps_time` the start was agreed before: notice,
    horizon and hours are not judged again, only who can do it. `terms` are what staff set aside,
    checked before. `seen` is what the caller has just read around the start. Raises
    `SlotUnavailable`, `SlotTaken` (both with alternatives) and what `attempt` raises.
    """
    loaded = seen or schedules.load(
        service=service,
        first_day=local_date(starts_at, zone=service.timezone),
        without_claim=own_claim,
    )
    never = (
        None
        if keeps_time
        else misfit(
            service=service,
            starts_at=starts_at,
            now=now,
            blackouts=loaded.blackouts,
            waived=terms.waived,
        )
    )
    if never is None:
        fits, reasons = rank(
            service=service,
            schedules=_asked_of(loaded.notaries, terms),
            starts_at=starts_at,
            zip_code=zip_code,
        )
        fits.sort(key=lambda one: one.notary_id != own_notary)
        for candidate in fits:
            try:
                return transactions.run(partial(attempt, candidate.notary_id))
            except Occupied as occupied:
                reasons.append(occupied.reason)
        if any(reason not in NEVER_ON_OFFER for reason in reasons):
            raise SlotTaken(
                details=alternatives(service=service, zip_code=zip_code, after=starts_at, now=now)
            )
    details = alternatives(service=service, zip_code=zip_code, after=starts_at, now=now)
    details["reason"] = never.value if never else "no_notary"
    raise SlotUnavailable(MISFITS_IN_WORDS[never] if never else None, details=details)


def _asked_of(notaries: tuple[NotarySchedule, ...], terms: StaffTerms) -> Iterator[NotarySchedule]:
    for schedule in notaries:
        if terms.notary_id in (None, schedule.notary_id):
            yield schedules.at_any_hour(schedule) if terms.is_any_hour else schedule
