"""The SMS destination: look before repeating, judge once more, keep quiet at night, send."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking
from integrations import messages
from integrations.errors import ConnectorError, NoLongerWanted, Postponed
from integrations.models import OutboxJob
from integrations.receipts import Receipt
from integrations.sms import client, mapping, opt_outs, quiet_hours
from integrations.states import MessageKind
from integrations.timings import over_at


def deliver(job: OutboxJob, now: datetime) -> Receipt:
    """Send one message job's text, unless its time has passed or nobody wants it.

    Raises `NoLongerWanted`, `Postponed` and `ConnectorError`.
    """
    kind = MessageKind(job.message_kind)
    booking = Booking.objects.select_related("service", "notary").get(pk=job.booking_id)
    text = mapping.compose(kind=kind, booking=booking)
    useful_until = over_at(kind=kind, booking=booking)
    note = {"message": kind.value, "channel": "sms", "job_id": str(job.pk)}
    if job.unknown_outcomes:
        sent_as = _look_up(job, text=text, is_useful=now < useful_until)
        if sent_as is not None:
            return Receipt(external_id=sent_as, note=note)
    messages.check_wanted(kind=kind, booking=booking, job=job, now=now)
    if not opt_outs.may_be_texted(booking=booking, number=job.recipient):
        raise NoLongerWanted("the customer has not agreed to SMS, or has opted out")
    _keep_quiet(booking, now=now, useful_until=useful_until)
    try:
        sent_as = client.send(to=job.recipient, body=mapping.with_stop(text, booking=booking))
    except client.OptedOut:
        opt_outs.note(number=job.recipient, now=now)
        raise NoLongerWanted("the number has opted out of SMS") from None
    return Receipt(external_id=sent_as, note=note)


def _look_up(job: OutboxJob, *, text: str, is_useful: bool) -> str | None:
    """Give the id of this job's text when an attempt of unknown outcome did send it."""
    try:
        return client.find_sent(to=job.recipient, text=text, since=job.created_at)
    except ConnectorError:
        # A text that nobody needs any more is not worth asking on for.
        if not is_useful:
            raise NoLongerWanted("its time has passed; whether it was sent is not known") from None
        raise


def _keep_quiet(booking: Booking, *, now: datetime, useful_until: datetime) -> None:
    if now >= useful_until:
        raise NoLongerWanted("its time is over")
    allowed_at = quiet_hours.next_allowed(now=now, zone=booking.zone)
    if allowed_at >= useful_until:
        raise NoLongerWanted("after the quiet hours nobody needs it any more")
    if allowed_at > now:
        raise Postponed("waits for the quiet hours to end", delay=allowed_at - now)
