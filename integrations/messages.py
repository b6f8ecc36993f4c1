"""Whether a message is still true and wanted at the moment it would be sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from bookings import wording
from bookings.models import Booking
from bookings.sessions import ENDED, SessionStatus
from bookings.states import BookingStatus
from integrations.errors import ConnectorError, NoLongerWanted, Postponed
from integrations.models import OutboxJob
from integrations.proof import readiness
from integrations.states import FOR_NOTARIES, Destination, JobKind, JobState, MessageKind
from integrations.timings import TIMINGS, over_at, start_key
from payments.models import LateChoice, Payment, Refund
from payments.states import LateChoiceState, PaymentStatus, RefundState

_NO_WAY_IN = (SessionStatus.IDENTITY_FAILED, *ENDED)
_STANDING = (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)


def check_wanted(*, kind: MessageKind, booking: Booking, job: OutboxJob, now: datetime) -> None:
    """Let a message pass, or raise `NoLongerWanted` saying why it must not be sent any more.

    Raises `Postponed` while what it tells of is not there yet, and `ConnectorError` when that will
    never come.
    """
    if kind in FOR_NOTARIES:
        _check_notary(kind, booking, job, now)
        return
    _check_recipient(kind, booking, job)
    if kind in TIMINGS:
        _check_start(kind, booking, job, now)
        return
    match kind:
        case MessageKind.CONFIRMATION:
            _refuse(booking.status not in _STANDING, f"the booking is {booking.status}")
            _refuse(booking.ends_at <= now, "the appointment is over")
        case MessageKind.RESCHEDULED:
            _refuse(booking.status not in _STANDING, f"the booking is {booking.status}")
            _refuse(booking.ends_at <= now, "the appointment is over")
            _refuse(_has_newer(job), "it was moved again")
        case MessageKind.CANCELLED:
            _refuse(booking.status != BookingStatus.CANCELLED, f"the booking is {booking.status}")
        case MessageKind.PAYMENT_FAILED:
            _refuse(not _is_decline_open(booking), "no declined payment is open any more")
        case MessageKind.REFUNDED:
            sent = Refund.objects.filter(pk=job.occurrence_id, status=RefundState.SUCCEEDED)
            _refuse(not sent.exists(), "the refund did not go through after all")
        case MessageKind.LATE_CHOICE:
            choice = LateChoice.objects.filter(
                pk=job.occurrence_id, state=LateChoiceState.OPEN, expires_at__gt=now
            )
            _refuse(not choice.exists(), "the choice is over")
        case MessageKind.PAY_LINK:
            is_due = booking.amount_due_cents or booking.balance_due_cents
            _refuse(not is_due, "nothing is to be paid any more")
        case MessageKind.IDENTITY_FAILED:
            _refuse(booking.status not in _STANDING, f"the booking is {booking.status}")
            _refuse(wording.is_mobile(booking), "it takes place in person now")
        case MessageKind.REVIEW_REQUEST:
            _refuse(booking.status != BookingStatus.COMPLETED, f"the booking is {booking.status}")
            _refuse(booking.amount_refunded_cents > 0, "money went back")
        case MessageKind.FIND_LINK | MessageKind.ADDRESS_CHANGED:
            pass


def _check_recipient(kind: MessageKind, booking: Booking, job: OutboxJob) -> None:
    if job.destination == Destination.SMS:
        is_theirs = job.recipient == str(booking.customer_phone)
        _refuse(not is_theirs, "the customer has another number now")
    elif kind is MessageKind.ADDRESS_CHANGED:
        is_theirs = job.recipient == booking.customer_email
        _refuse(is_theirs, "the address is the customer's again")
    else:
        # Mail about an appointment goes to nobody but its present customer.
        is_theirs = job.recipient == booking.customer_email
        _refuse(not is_theirs, "the customer has another address now")


def _check_start(kind: MessageKind, booking: Booking, job: OutboxJob, now: datetime) -> None:
    """Judge a message about a start: is it still that start, to come, and worth a word?"""
    _refuse(
        job.occurrence_id != start_key(booking.starts_at), "the appointment has another time now"
    )
    allowed = _STANDING if kind is MessageKind.RON_LINK else (BookingStatus.CONFIRMED,)
    _refuse(booking.status not in allowed, f"the booking is {booking.status}")
    if kind is MessageKind.RON_LINK:
        _refuse(wording.is_mobile(booking), "it takes place in person now")
        is_open = booking.ron_status not in _NO_WAY_IN
        _refuse(not is_open, f"the session is {booking.ron_status}")
        if not booking.ron_join_url:
            _wait_for_link(booking, job, now)
    elif kind is MessageKind.DOCUMENTS_MISSING:
        _refuse(not readiness.missing(booking=booking), "nothing is missing any more")
    _refuse(now >= over_at(kind=kind, booking=booking), "its time is over")


def _wait_for_link(booking: Booking, job: OutboxJob, now: datetime) -> None:
    if now < booking.starts_at:
        raise Postponed("the session's link is not there yet", delay=timedelta(seconds=30))
    _refuse(job.destination == Destination.SMS, "the mail calls a person about the missing link")
    needed = ", ".join(readiness.missing(booking=booking))
    reason = f"the session should start, and its link is not there (missing: {needed or 'nothing'})"
    raise ConnectorError(reason, permanent=True)


def _check_notary(kind: MessageKind, booking: Booking, job: OutboxJob, now: datetime) -> None:
    is_theirs = (
        booking.status in _STANDING
        and booking.notary is not None
        and booking.notary.email == job.recipient
    )
    if kind is MessageKind.NOTARY_GONE:
        _refuse(is_theirs, "the job is theirs again")
        _refuse(not _was_told(job), "they never heard of the job")
        return
    _refuse(not is_theirs, "the job is not theirs any more")
    _refuse(booking.ends_at <= now, "the appointment is over")
    _refuse(kind is MessageKind.NOTARY_CHANGE and _has_newer(job), "it was changed again")


def _was_told(job: OutboxJob) -> bool:
    """Tell whether the notary may have heard that the job is theirs."""
    news = OutboxJob.objects.filter(
        kind=JobKind.MESSAGE.value,
        booking_id=job.booking_id,
        recipient=job.recipient,
        message_kind__in=[MessageKind.NOTARY_JOB.value, MessageKind.NOTARY_CHANGE.value],
    )
    is_told = Q(state__in=[JobState.SUCCEEDED.value, JobState.RUNNING.value])
    return news.filter(is_told | Q(unknown_outcomes__gt=0)).exists()


def _is_decline_open(booking: Booking) -> bool:
    """Tell whether the last attempt on a payment still asked for was declined."""
    asked_for = Payment.objects.filter(booking=booking, status=PaymentStatus.REQUIRES_PAYMENT)
    return asked_for.exclude(decline_code="").exists()


def _has_newer(job: OutboxJob) -> bool:
    return OutboxJob.objects.filter(
        kind=JobKind.MESSAGE.value,
        booking_id=job.booking_id,
        message_kind=job.message_kind,
        version__gt=job.version,
    ).exists()


def _refuse(condition: bool, reason: str) -> None:
    if condition:
        raise NoLongerWanted(reason)
