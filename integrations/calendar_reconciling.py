"""Compare the events of one kind of calendar with the bookings, once everything was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from bookings import notary_calendar
from bookings.models import Booking
from integrations.calendar_reading import AHEAD, Seen
from integrations.calendars import EVENT, REMOVED, WRITING, CalendarSystem, time_hash
from integrations.differences import Difference, Repair
from integrations.models import ExternalRef, OutboxJob
from integrations.states import JobState
from services.definitions import IntegrationName

_STILL_OPEN = (JobState.READY.value, JobState.RUNNING.value, JobState.DEAD.value)


def compare(
    *, calendar: CalendarSystem, held: Mapping[str, Mapping[str, Seen]], now: datetime
) -> Iterator[Difference]:
    """Give how calendars differ from the appointments to come.

    `held` are the events found, by calendar and id; a calendar that could not be read is not in
    it, and nothing is said of it. A booking whose job is on its way, or dead, was told of already.
    """
    underway = OutboxJob.objects.filter(
        destination=calendar.system.value, state__in=_STILL_OPEN
    ).values("booking_id")
    bookings = {
        booking.pk: booking
        for booking in Booking.objects.select_related("notary")
        .filter(
            starts_at__gte=now,
            ends_at__lt=now + AHEAD,
            confirmed_at__isnull=False,
            service__integrations__name=IntegrationName.GOOGLE_CALENDAR.value,
        )
        .exclude(pk__in=underway)
    }
    written = {
        (ref.booking_id, ref.container): ref
        for ref in ExternalRef.objects.filter(
            system=calendar.system.value, kind=EVENT, booking_id__in=list(bookings)
        )
    }
    homes = {}
    for booking in bookings.values():
        if not notary_calendar.is_kept(booking=booking) or booking.notary is None:
            continue
        home = calendar.home_of(notary=booking.notary)
        if home is not None and home in held:
            homes[booking.pk] = home
            ref = written.get((booking.pk, home))
            found = held[home].get(ref.external_id) if ref else None
            if what := _differs(booking, ref, found):
                yield _difference(calendar, booking, ref, *what)
    for (booking_id, container), ref in written.items():
        if homes.get(booking_id) != container and ref.status != REMOVED and container in held:
            yield _difference(
                calendar,
                bookings[booking_id],
                ref,
                "an event is left of an appointment that is not there",
                Repair.RESYNC,
            )


def _differs(
    booking: Booking, ref: ExternalRef | None, found: Seen | None
) -> tuple[str, Repair] | None:
    if ref is None or ref.status in (WRITING, REMOVED):
        return "the appointment is not in its notary's calendar", Repair.RESYNC
    if ref.written_hash != time_hash(starts_at=booking.starts_at, ends_at=booking.ends_at):
        return "the calendar shows an older time", Repair.RESYNC
    if found is None:
        return "the event was deleted outside", Repair.ASK
    if ref.written_hash != time_hash(starts_at=found.starts_at, ends_at=found.ends_at):
        return "the event was moved outside", Repair.ASK
    return None


def _difference(
    calendar: CalendarSystem,
    booking: Booking,
    ref: ExternalRef | None,
    what: str,
    repair: Repair,
) -> Difference:
    return Difference(
        system=calendar.system,
        external_id=ref.external_id if ref else "",
        what=what,
        repair=repair,
        booking_id=booking.pk,
    )
