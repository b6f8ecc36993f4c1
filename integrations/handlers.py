"""Reactions to facts: rows in the outbox, in the fact's own transaction."""

from __future__ import annotations

from typing import Any

from bookings.models import Booking
from hmnp.core.events import Event, subscribe
from integrations import outbox
from integrations.routes import ROUTES, Mail
from integrations.states import Destination


def connect() -> None:
    """Subscribe to every fact that goes anywhere."""
    for event_type, route in ROUTES.items():
        if route.mails:
            subscribe(event_type, on_fact)


def on_fact(event: Any) -> None:
    """Write the jobs that one fact asks for."""
    # A payment on a hold has no booking yet, and nobody to tell.
    if event.booking_id is None:
        return
    mails = [mail for mail in ROUTES[type(event)].mails if mail.when(event)]
    if not mails:
        return
    booking = Booking.objects.only("id", "version", "customer_email").get(pk=event.booking_id)
    for mail in mails:
        _enqueue(event, mail, booking)


def _enqueue(event: Event, mail: Mail, booking: Booking) -> None:
    outbox.enqueue_message(
        destination=Destination.MAIL,
        booking_id=booking.id,
        version=0 if mail.occurrence else booking.version,
        message_kind=mail.kind,
        recipient=mail.to(event) if mail.to else booking.customer_email,
        occurrence_id=mail.occurrence(event) if mail.occurrence else "",
    )
