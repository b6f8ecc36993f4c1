"""The mail destination: judge once more, look before repeating, send, say so."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking
from integrations.errors import ConnectorError
from integrations.mail import client, mapping
from integrations.messages import check_wanted
from integrations.models import OutboxJob
from integrations.receipts import Receipt
from integrations.states import MessageKind


def deliver(job: OutboxJob, now: datetime) -> Receipt:
    """Send one message job's mail, unless its time has passed.

    Raises `NoLongerWanted` and `ConnectorError`.
    """
    kind = MessageKind(job.message_kind)
    note = {"message": kind.value, "channel": "mail", "job_id": str(job.pk)}
    if job.unknown_outcomes and (sent_as := _already_sent(job)) is not None:
        return Receipt(external_id=sent_as, note=note)
    booking = Booking.objects.select_related("service", "notary").get(pk=job.booking_id)
    check_wanted(kind=kind, booking=booking, job=job, now=now)
    mail = mapping.compose(kind=kind, booking=booking, job=job, now=now)
    return Receipt(external_id=client.send(mail), note=note)


def _already_sent(job: OutboxJob) -> str | None:
    """Give the id of this job's mail when an attempt of unknown outcome did send it.

    A service that keeps no log we can ask gets the mail once more, not twice: a lost confirmation
    is worse than a doubled one, a tripled one is not better.
    """
    if client.can_look_up():
        return client.find_sent(job_id=str(job.pk))
    if job.unknown_outcomes > 1:
        raise ConnectorError(
            "two attempts ended without an answer; whether it was sent is not known", permanent=True
        )
    return None
