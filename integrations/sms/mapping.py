"""From a booking to the words of a text.

What a kind says depends only on the booking's reference, time and link, so that a text of unknown
fate is recognised by its words. All letters are of GSM's alphabet: one part of 160 where possible.
"""

from __future__ import annotations

from django.conf import settings

from bookings import wording
from bookings.models import Booking
from hmnp.core import pages
from integrations.models import OutboxJob
from integrations.states import Destination, JobState, MessageKind

_TEXTS = {
    MessageKind.CONFIRMATION: "you are booked for {when}. Details are in your e-mail.",
    MessageKind.RESCHEDULED: "your appointment has moved to {when}. Details are in your e-mail.",
    MessageKind.CANCELLED: "your appointment of {when} is cancelled. Details are in your e-mail.",
    MessageKind.REMINDER_24H: "a reminder of {when}. {ready}",
    MessageKind.REMINDER_2H: "see you soon, {when}. {ready}",
    MessageKind.DOCUMENTS_MISSING: "we still need your documents for {when}. See your e-mail.",
    MessageKind.RON_LINK: "your video session of {when} is here: {link}",
}
KINDS = frozenset(_TEXTS)
_READY_IN_PERSON = "Have photo IDs ready."
_READY_ONLINE = "The link comes half an hour before."
_STOP = " Reply STOP to end texts."


def compose(*, kind: MessageKind, booking: Booking) -> str:
    """Write the text of one kind from the booking as it is."""
    ready = _READY_IN_PERSON if wording.is_mobile(booking) else _READY_ONLINE
    text = _TEXTS[kind].format(when=moment(booking), link=booking.ron_join_url, ready=ready)
    return f"{settings.COMPANY['name']}: {text} Ref {booking.reference}."


def with_stop(text: str, *, booking: Booking) -> str:
    """Add how to end the texts, to the first of a booking."""
    sent = OutboxJob.objects.filter(
        booking_id=booking.pk,
        destination=Destination.SMS.value,
        state=JobState.SUCCEEDED.value,
    )
    return text if sent.exists() else text + _STOP


def moment(booking: Booking) -> str:
    """Give the start as `Tue 1 Dec, 9:30 am Central`."""
    local = booking.starts_at.astimezone(booking.zone)
    zone = pages.told_zone(booking.starts_at, zone=booking.zone)
    return f"{local:%a} {local.day} {local:%b}, {pages.clock(local, zone=booking.zone)} {zone}"
