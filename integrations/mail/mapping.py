"""From a booking to the words of a mail; the words themselves are in `templates/mail/`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from bookings import ics, wording
from bookings.courtesy import courtesy_holds
from bookings.links import manage_url
from bookings.models import Booking
from bookings.policy import BY_US, Policy
from bookings.states import BookingStatus
from hmnp.core import pages
from hmnp.core.money import show
from integrations.mail import notes
from integrations.mail.client import Attachment, OutgoingMail
from integrations.models import OutboxJob
from integrations.states import FOR_NOTARIES, MessageKind
from payments.models import LateChoice, Refund
from payments.receipts import money_lines
from payments.states import RefundMethod
from services.pricing import LineType, Pricing

_SUBJECTS = {
    MessageKind.CONFIRMATION: "You are booked: {short_when} ({reference})",
    MessageKind.RESCHEDULED: "Your appointment has moved: {short_when} ({reference})",
    MessageKind.CANCELLED: "{heading} ({reference})",
    MessageKind.PAYMENT_FAILED: "Your payment did not go through ({reference})",
    MessageKind.REFUNDED: "We have sent {refund} back ({reference})",
    MessageKind.LATE_CHOICE: "Please choose another time ({reference})",
    MessageKind.PAY_LINK: "{pay_label} for your booking ({reference})",
    MessageKind.ADDRESS_CHANGED: "The address for your booking was changed ({reference})",
    MessageKind.FIND_LINK: "The link to your booking ({reference})",
    MessageKind.REMINDER_24H: "Coming up: {short_when} ({reference})",
    MessageKind.REMINDER_2H: "See you soon: {short_when} ({reference})",
    MessageKind.DOCUMENTS_MISSING: "Still needed for {short_when} ({reference})",
    MessageKind.RON_LINK: "Your link for {short_when} ({reference})",
    MessageKind.IDENTITY_FAILED: "The online identity check did not work ({reference})",
    MessageKind.REVIEW_REQUEST: "How did it go? ({reference})",
    MessageKind.NOTARY_JOB: "New job: {short_when} ({reference})",
    MessageKind.NOTARY_CHANGE: "Job changed: {short_when} ({reference})",
    MessageKind.NOTARY_GONE: "Job gone: {lost_when} ({reference})",
}
_WITH_CALENDAR_FILE = (
    MessageKind.CONFIRMATION,
    MessageKind.RESCHEDULED,
    MessageKind.CANCELLED,
)


# The page that answers the mail at once, by its name there.
_LEADS_TO = {
    MessageKind.DOCUMENTS_MISSING: "session",
    MessageKind.IDENTITY_FAILED: "in_person",
}


def compose(*, kind: MessageKind, booking: Booking, job: OutboxJob, now: datetime) -> OutgoingMail:
    """Write the mail of one message job from the booking as it is `now`."""
    # A booking that never stood is in nobody's calendar.
    has_file = kind in _WITH_CALENDAR_FILE and booking.confirmed_at is not None
    facts = {
        **_facts(kind, booking),
        **_own_facts(kind, booking, job),
        "has_calendar_file": has_file,
    }
    facts["subject"] = _SUBJECTS[kind].format(**facts)
    return OutgoingMail(
        to=job.recipient,
        subject=facts["subject"],
        text=_tidy(render_to_string(f"mail/{kind.value}.txt", facts)),
        html=render_to_string(f"mail/{kind.value}.html", facts),
        tag=kind.value,
        # The job's id is our idempotency key: the mail service is asked for it after a lost answer.
        metadata={
            "booking_id": str(booking.pk),
            "reference": booking.reference,
            "message": kind.value,
            "job_id": str(job.pk),
        },
        attachments=(_calendar_file(booking, now),) if has_file else (),
    )


def _facts(kind: MessageKind, booking: Booking) -> dict[str, Any]:
    lines = Pricing.from_snapshot(booking.pricing).lines
    is_standing = booking.status not in (BookingStatus.CANCELLED, BookingStatus.EXPIRED)
    start = booking.starts_at.astimezone(booking.zone)
    facts = {
        "company": settings.COMPANY,
        "public_base_url": settings.PUBLIC_BASE_URL,
        "booking": booking,
        "reference": booking.reference,
        "reference_label": "Booking" if kind in FOR_NOTARIES else "Your reference",
        "service_name": booking.service.name,
        "when": wording.when(booking),
        "short_when": f"{pages.long_day(start.date())}, {pages.clock(start, zone=booking.zone)}",
        "place": wording.place(booking),
        "notary_name": booking.notary.name if booking.notary and is_standing else "",
        "next_steps": wording.next_steps(booking),
        "have_ready": wording.what_to_have_ready(booking),
        "balance_sentence": wording.balance_sentence(booking),
        "money_lines": money_lines(booking=booking),
        "statutory_lines": [line for line in lines if line.type is LineType.STATUTORY],
        "other_lines": [line for line in lines if line.type is not LineType.STATUTORY],
    }
    if kind is not MessageKind.ADDRESS_CHANGED and kind not in FOR_NOTARIES:
        # The former address must not get a way in, nor anybody else.
        facts["manage_url"] = manage_url(booking=booking, leads_to=_LEADS_TO.get(kind, ""))
    return facts


def _own_facts(kind: MessageKind, booking: Booking, job: OutboxJob) -> dict[str, Any]:
    match kind:
        case MessageKind.CANCELLED:
            return _cancellation(booking)
        case MessageKind.REFUNDED:
            refund = Refund.objects.get(pk=job.occurrence_id)
            return {
                "refund_cents": refund.amount_cents,
                "refund": show(refund.amount_cents),
                "is_by_hand": refund.method == RefundMethod.BY_HAND,
            }
        case MessageKind.PAYMENT_FAILED:
            return _another_try(booking)
        case MessageKind.LATE_CHOICE:
            return _late_choice(booking, job)
        case MessageKind.PAY_LINK:
            due = booking.amount_due_cents or booking.balance_due_cents
            return {
                "pay_label": f"Pay {show(due)}",
                "pay_url": manage_url(booking=booking, leads_to="pay"),
            }
        case MessageKind.REMINDER_2H:
            return {"soon_sentence": notes.soon(booking)}
        case MessageKind.DOCUMENTS_MISSING:
            return {"still_needed": notes.still_needed(booking)}
        case MessageKind.RON_LINK:
            return {"session_url": booking.ron_join_url}
        case MessageKind.NOTARY_JOB | MessageKind.NOTARY_CHANGE:
            return {
                "signer_names": notes.signer_names(booking),
                "collect_sentence": notes.to_collect(booking),
            }
        case MessageKind.NOTARY_GONE:
            return {
                "lost_when": notes.lost_when(booking, job.occurrence_id),
                "gone_sentence": notes.why_gone(booking),
            }
        case _:
            return {}


def _late_choice(booking: Booking, job: OutboxJob) -> dict[str, Any]:
    choice = LateChoice.objects.select_related("payment").get(pk=job.occurrence_id)
    until = choice.expires_at
    return {
        "late_cents": choice.payment.amount_captured_cents,
        "kept_times": [
            pages.appointment(claim.starts_at, claim.ends_at, zone=booking.zone)
            for claim in courtesy_holds(booking_id=booking.pk)
        ],
        "choose_until": f"{pages.clock(until, zone=booking.zone)} "
        f"{pages.zone_name(until, zone=booking.zone)}",
        "choose_url": manage_url(booking=booking, leads_to="late"),
    }


def _cancellation(booking: Booking) -> dict[str, Any]:
    is_ours = booking.cancel_tier == BY_US
    if booking.amount_paid_cents == 0:
        sentence = "You had not paid anything, so nothing is kept and nothing has to come back."
    elif booking.cancel_refund_cents:
        sentence = (
            f"{show(booking.cancel_refund_cents)} goes back to the card you paid with. "
            "Your bank may take 5 to 10 days to show it; we write again once it is sent."
        )
    else:
        sentence = "By the cancellation terms you agreed to, nothing comes back."
    return {
        "heading": "We had to cancel your booking" if is_ours else "Your booking is cancelled",
        "tier_label": _tier_label(booking),
        "money_sentence": sentence,
    }


def _tier_label(booking: Booking) -> str:
    try:
        return Policy.from_snapshot(booking.policy).tier(booking.cancel_tier).label
    except LookupError:  # we cancelled, or nothing was owed: no tier of the service's
        return ""


def _another_try(booking: Booking) -> dict[str, Any]:
    if booking.status != BookingStatus.PENDING_PAYMENT:
        return {
            "deadline_sentence": "Your appointment stands; " + wording.balance_sentence(booking),
            "retry_label": "Pay by card",
        }
    sentence = "You can try again with the same card or another one."
    if booking.expires_at is not None:
        until = pages.clock(booking.expires_at, zone=booking.zone)
        zone = pages.zone_name(booking.expires_at, zone=booking.zone)
        sentence = f"We keep your time until {until} {zone}. {sentence}"
    return {"deadline_sentence": sentence, "retry_label": f"Pay {show(booking.amount_due_cents)}"}


def _calendar_file(booking: Booking, now: datetime) -> Attachment:
    method = ics.method_of(booking=booking)
    return Attachment(
        filename=ics.FILENAME,
        content=ics.calendar_file(booking=booking, now=now),
        content_type=f"text/calendar; charset=utf-8; method={method.value}",
    )


def _tidy(text: str) -> str:
    """Take out the spaces and empty lines that template tags leave behind."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
