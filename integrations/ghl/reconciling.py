"""Compare the CRM with the bookings: one appointment and one opportunity each, equal to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic, sleep
from typing import TypeVar
from uuid import UUID

from bookings.models import Booking
from integrations.differences import Difference, Repair
from integrations.errors import ConnectorError, Postponed
from integrations.ghl import client, mapping, news, polling, refs
from integrations.ghl.mapping import Json
from integrations.models import ExternalRef, OutboxJob
from integrations.states import Destination, JobState

T = TypeVar("T")
_OPEN = (JobState.READY.value, JobState.RUNNING.value, JobState.DEAD.value)
_LONGEST_WAIT_SECONDS = 120.0


def differences(*, now: datetime) -> Iterator[Difference]:
    """Give what differs; a booking whose job is on its way, or dead, has been told of already."""
    held: dict[str, list[Json]] = defaultdict(list)
    for appointment in _patiently(lambda: list(polling.appointments(now=now))):
        if appointment.get("appointmentStatus") != "cancelled":
            held[mapping.reference_in(appointment.get("title"))].append(appointment)
    underway = set(
        OutboxJob.objects.filter(destination=Destination.GHL.value, state__in=_OPEN).values_list(
            "booking_id", flat=True
        )
    )
    bookings = _bookings(held, now)
    for booking in bookings:
        if booking.pk not in underway:
            yield from _compare(booking, held.get(booking.reference, []))
    known = {booking.reference for booking in bookings}
    for reference, strangers in held.items():
        if reference not in known:
            for appointment in strangers:
                name = str(appointment["id"])
                yield _difference(name, "an appointment of no booking", None, Repair.ASK)


def _bookings(held: dict[str, list[Json]], now: datetime) -> list[Booking]:
    """Give the bookings the CRM should show in the span that was looked at, or does show."""
    start, end = now - polling.BEHIND, now + polling.AHEAD
    coming = Booking.objects.filter(
        starts_at__gt=start, starts_at__lt=end, confirmed_at__lt=now - news.PATIENCE
    )
    shown = Booking.objects.filter(reference__in=[name for name in held if name])
    return list((coming | shown).select_related("service").distinct().order_by("starts_at", "pk"))


def _compare(booking: Booking, standing: list[Json]) -> Iterator[Difference]:
    ref = refs.find(booking_id=booking.pk, kind=refs.APPOINTMENT)
    wanted = mapping.wanted_state(booking)
    ours = next((each for each in standing if ref and str(each["id"]) == ref.external_id), None)
    if ours is None and ref is not None:
        # Perhaps it is in another calendar, or outside the span that was looked at.
        name = ref.external_id
        ours = _patiently(lambda: client.get_appointment(appointment_id=name))
    for twin in standing:
        if ours is not None and twin is not ours:
            yield _difference(str(twin["id"]), "a second appointment", booking.pk)
    name = ref.external_id if ref else str(booking.pk)
    if wanted.status == "cancelled":
        if standing:
            what = f"an appointment that stands, but the booking is {booking.status}"
            yield _difference(name, what, booking.pk)
        return
    if not mapping.is_shown(booking):
        return
    if ours is None:
        what = "no appointment" if not standing else "an appointment that is not written down"
        yield _difference(name, what, booking.pk)
    elif _shown(ours) != wanted.hash:
        yield _difference(name, "another time or state than the booking", booking.pk)
    yield from _compare_opportunities(booking)


def _shown(appointment: Json) -> str:
    try:
        return mapping.state_of(appointment).hash
    except ConnectorError:
        return ""  # it has no time that can be read: it is not what is wanted


def _compare_opportunities(booking: Booking) -> Iterator[Difference]:
    contact = refs.find(booking_id=booking.pk, kind=refs.CONTACT)
    if contact is None:
        yield _difference(str(booking.pk), "no contact", booking.pk)
        return
    ref: ExternalRef | None = refs.find(booking_id=booking.pk, kind=refs.OPPORTUNITY)
    rows = _patiently(lambda: client.opportunities_of(contact_id=contact.external_id))
    found = [row for row in rows if mapping.reference_in(row.get("name")) == booking.reference]
    if ref is None or ref.external_id not in [str(row["id"]) for row in rows]:
        yield _difference(contact.external_id, "no opportunity", booking.pk)
    elif len(found) > 1:
        yield _difference(ref.external_id, "a second opportunity", booking.pk)


def _difference(
    external_id: str, what: str, booking_id: UUID | None, repair: Repair = Repair.RESYNC
) -> Difference:
    return Difference(
        system=Destination.GHL,
        external_id=external_id,
        what=what,
        repair=repair,
        booking_id=booking_id,
    )


def _patiently(ask: Callable[[], T]) -> T:
    """Ask, waiting for the rate budget as long as that takes within reason."""
    deadline = monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        try:
            return ask()
        except Postponed as later:
            if monotonic() + later.delay.total_seconds() > deadline:
                raise
            sleep(later.delay.total_seconds())
