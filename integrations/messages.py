"""Whether a message is still true and wanted at the moment it would be sent."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking
from bookings.states import BookingStatus
from integrations.errors import NoLongerWanted
from integrations.models import OutboxJob
from integrations.states import Destination, JobKind, MessageKind
from payments.models import LateChoice, Payment, Refund
from payments.states import LateChoiceState, PaymentStatus, RefundState

_STANDING = (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)


def check_wanted(*, kind: MessageKind, booking: Booking, job: OutboxJob, now: datetime) -> None:
    """Let a message pass, or raise `NoLongerWanted` saying why it must not be sent any more."""
    _check_recipient(kind, booking, job)
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


def useful_until(*, kind: MessageKind, booking: Booking) -> datetime:  # noqa: ARG001 -- see below
    """Give the moment from which a text is of no use to its reader any more."""
    return booking.starts_at


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
