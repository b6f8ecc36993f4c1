"""Reactions to facts: rows in the outbox, in the fact's own transaction."""

from __future__ import annotations

from typing import Any

from bookings.events import BookingUpdated, NewBooking, NotaryCalendarChanged
from bookings.models import Booking, Notary
from bookings.states import LIVE_STATUSES
from hmnp.core.context import FORMER
from hmnp.core.events import Event, subscribe
from integrations import audience, message_fate, notary_news, outbox
from integrations.models import OutboxJob
from integrations.needs import first_needs, sync_needs
from integrations.routes import ROUTES, Mail, Route
from integrations.states import Destination
from services.definitions import IntegrationName


def connect() -> None:
    """Subscribe to every fact that goes anywhere."""
    for event_type, route in ROUTES.items():
        if route.mails or route.syncs or route.is_told_to_notary:
            subscribe(event_type, on_fact)
    subscribe(NotaryCalendarChanged, on_calendar_changed)


def on_fact(event: Any) -> None:
    """Write the jobs that one fact asks for."""
    # A payment on a hold has no booking yet, and nobody to tell.
    if event.booking_id is None:
        return
    route = ROUTES[type(event)]
    mails = [mail for mail in route.mails if mail.when(event)]
    if not mails and not route.syncs and not route.is_told_to_notary:
        return
    new: NewBooking | None = getattr(event, "new", None)
    if new is None:
        booking = Booking.objects.select_related("notary").get(pk=event.booking_id)
    else:
        booking = new.booking
        if (notary_id := booking.notary_id) is not None:
            # Whom to tell, and in which calendar: no more is asked of the notary.
            booking.notary = Notary.objects.only("email", "calendar_kind").get(pk=notary_id)
    if _is_told_elsewhere(event, booking):
        return
    jobs = [job for mail in mails for job in _mails(event, mail, booking)]
    if isinstance(event, BookingUpdated) and event.previous_email:
        message_fate.address_was_corrected(booking_id=booking.pk, previous=event.previous_email)
    if route.is_told_to_notary:
        jobs += _news(event, booking)
    jobs += _syncs(event, route, booking, new)
    if new is None:
        outbox.write(jobs)
    else:
        outbox.write_with(jobs, rows=new.rows)


def _is_told_elsewhere(event: Any, booking: Booking) -> bool:
    """Tell whether the system before this one did it, and has told everybody."""
    if not booking.is_told_elsewhere:
        return False
    actor = getattr(event, "actor", FORMER)
    return (actor.type, actor.id) == (FORMER.type, FORMER.id)


def on_calendar_changed(event: NotaryCalendarChanged) -> None:
    """Bring the notary's appointments to come into the calendar they keep now."""
    upcoming = Booking.objects.filter(
        notary_id=event.notary_id,
        status__in=[status.value for status in LIVE_STATUSES],
        confirmed_at__isnull=False,
    )
    for booking in upcoming:
        for need in sync_needs(booking=booking, names=[IntegrationName.GOOGLE_CALENDAR]):
            outbox.enqueue_sync(
                destination=need.destination,
                booking_id=booking.pk,
                version=booking.version,
                policy=need.policy,
            )


def _mails(event: Event, mail: Mail, booking: Booking) -> list[OutboxJob]:
    if mail.is_texted:
        recipients = audience.of_customer(booking=booking, kind=mail.kind)
    else:
        to = mail.to(event) if mail.to else booking.customer_email
        recipients = [(Destination.MAIL, to)]
    return [
        outbox.message(
            destination=destination,
            booking_id=booking.id,
            version=0 if mail.occurrence else booking.version,
            message_kind=mail.kind,
            recipient=recipient,
            occurrence_id=mail.occurrence(event) if mail.occurrence else "",
        )
        for destination, recipient in recipients
    ]


def _news(event: Event, booking: Booking) -> list[OutboxJob]:
    return [
        outbox.message(
            destination=Destination.MAIL,
            booking_id=booking.id,
            version=booking.version,
            message_kind=one.kind,
            recipient=one.recipient,
            occurrence_id=one.occurrence_id,
        )
        for one in notary_news.news(event=event, booking=booking)
    ]


def _syncs(event: Any, route: Route, booking: Booking, new: NewBooking | None) -> list[OutboxJob]:
    # What was never confirmed is nowhere outside.
    if not route.syncs or booking.confirmed_at is None:
        return []
    if new is not None:
        needs = first_needs(booking=booking, service=new.service, names=route.syncs)
    else:
        needs = sync_needs(
            booking=booking,
            names=route.syncs,
            previous_notary_id=getattr(event, "previous_notary_id", None),
        )
    return [
        outbox.sync(
            destination=need.destination,
            booking_id=booking.id,
            version=booking.version,
            policy=need.policy,
        )
        for need in needs
    ]
