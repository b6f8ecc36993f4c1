"""A booking's money on one page: what was paid, what is owed, and what staff may do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone

from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.actions.waive_deposit import waive_deposit
from bookings.errors import CannotCancel
from bookings.models import Booking
from bookings.pages.summary import status_of
from bookings.policy import Settlement
from bookings.states import BookingStatus
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import DomainError, PreconditionFailed
from hmnp.core.money import show
from hmnp.core.pages import new_form_key
from hmnp.desk.asking import actor_of
from hmnp.desk.models import Case
from hmnp.desk.money_forms import CancelForm, HandForm, RefundForm, TakeForm, WaiveForm
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.record_refund_by_hand import record_refund_by_hand
from payments.actions.refund_payment import refund_payment
from payments.actions.request_refund import captured_of, given_back_of
from payments.actions.retry_refund import retry_refund
from payments.actions.send_pay_link import send_pay_link
from payments.ledger import refundable_cents
from payments.models import Dispute, Payment, Refund
from payments.states import PaymentMethod, RefundMethod, RefundState
from services.pricing import Pricing

# By how a refund's occasion begins.
_WHY = (
    ("cancel", "cancellation"),
    ("no_show", "nobody was there"),
    ("excess", "above the price"),
    ("duplicate", "charged twice"),
    ("late", "came too late"),
    ("unwanted", "came after the end"),
    ("unclaimed", "no booking was made"),
    ("expired", "the booking expired"),
    ("staff", "by staff"),
    ("again", "sent again"),
    ("by-hand", "instead of a failed one"),
    ("dispute", "lost dispute"),
)
_ADMIN = f"{ActorType.ADMIN}:"
_HOW = {"CARD": "Card", "CASH": "Cash", "CHEQUE": "Check"}

Work = Callable[[dict[str, Any]], object]

# To give money back is more than to take it; cancelling gives back what the policy says.
CHANGE, GIVE = "payments.change_payment", "payments.change_refund"
_GIVES_BACK = ("refund", "again", "hand")


def money(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show a booking's money; do what one of its forms asks, by the same actions as everywhere."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    if not request.user.has_perm("payments.view_payment"):
        raise PermissionDenied
    booking = Booking.objects.select_related("service", "notary").filter(pk=booking_id).first()
    if booking is None:
        raise Http404
    if request.method == "POST":
        needed = GIVE if request.POST.get("do") in _GIVES_BACK else CHANGE
        if not request.user.has_perm(needed):
            raise PermissionDenied
        if _act(request, booking):
            return redirect("admin-booking-money", booking_id=booking_id)
        booking.refresh_from_db()
    return render(request, "desk/money.html", _context(request, booking, timezone.now()))


def _act(request: HttpRequest, booking: Booking) -> bool:
    """Do what was sent and say what came of it; False when the form itself was not right."""
    now, actor = timezone.now(), actor_of(request)
    key = request.POST.get("form_key", "")[:40]
    deeds: dict[str, tuple[forms.Form | None, Work, str]] = {
        "take": (
            TakeForm(request.POST),
            lambda sent: record_offline_payment(
                booking_id=booking.pk,
                amount_cents=sent["amount"],
                method=PaymentMethod(sent["method"]),
                note=sent["note"],
                actor=actor,
                now=now,
                request_key=key,
            ),
            "The payment is recorded.",
        ),
        "waive": (
            WaiveForm(request.POST),
            lambda sent: waive_deposit(
                booking_id=booking.pk, reason=sent["reason"], actor=actor, now=now
            ),
            "The booking stands; all of the price is in the balance.",
        ),
        "link": (
            None,
            lambda _: send_pay_link(booking_id=booking.pk, now=now),
            "The customer is sent a link to pay by card.",
        ),
        "refund": (
            _refund_form(booking, request.POST),
            lambda sent: refund_payment(
                payment_id=UUID(sent["payment"]),
                amount_cents=sent["amount"],
                reason=sent["reason"],
                actor=actor,
                now=now,
                request_key=key,
            ),
            "The refund is promised and will be sent.",
        ),
        "again": (
            None,
            lambda _: retry_refund(refund_id=_own_refund(request, booking), actor=actor, now=now),
            "The refund will be sent again.",
        ),
        "hand": (
            HandForm(request.POST),
            lambda sent: record_refund_by_hand(
                refund_id=_own_refund(request, booking), note=sent["note"], actor=actor, now=now
            ),
            "The refund is recorded as given by hand.",
        ),
        "cancel": (
            CancelForm(request.POST),
            lambda sent: _cancel(request, booking, actor, now, **sent),
            "The booking is cancelled.",
        ),
    }
    form, work, done = deeds.get(request.POST.get("do", ""), (None, _nothing, ""))
    if form is not None and not form.is_valid():
        for field, faults in form.errors.items():
            label = form.fields[field].label or field.capitalize()
            messages.error(request, f"{label}: {' '.join(str(fault) for fault in faults)}")
        return False
    try:
        work(form.cleaned_data if form is not None else {})
    except DomainError as error:
        messages.error(request, f"{error.message} Nothing was changed.")
        return False
    messages.success(request, done)
    return True


def _nothing(_: dict[str, Any]) -> None:
    raise Http404


def _own_refund(request: HttpRequest, booking: Booking) -> UUID:
    """Give the refund that was sent if it is one of this booking's."""
    try:
        refund_id = UUID(request.POST.get("refund", ""))
    except ValueError:
        raise Http404 from None
    if not Refund.objects.filter(pk=refund_id, payment__booking=booking).exists():
        raise Http404
    return refund_id


def _cancel(
    request: HttpRequest, booking: Booking, actor: Actor, now: datetime, whose: str, reason: str
) -> None:
    by_us = whose == "ours"
    preview = preview_cancellation(booking=booking, actor=actor, now=now, by_us=by_us)
    shown = request.POST.get(f"shown_{whose}", "")
    if shown != str(preview.refund_cents):
        raise PreconditionFailed("What goes back has changed since this page was loaded.")
    cancel_booking(
        booking_id=booking.pk,
        reason=reason,
        actor=actor,
        now=now,
        expected_version=booking.version,
        by_us=by_us,
    )


def _context(request: HttpRequest, booking: Booking, now: datetime) -> dict[str, Any]:
    payments = list(Payment.objects.filter(booking=booking).order_by("created_at"))
    refunds = list(Refund.objects.filter(payment__in=payments).order_by("requested_at"))
    replaced = {
        refund.reason_key.removeprefix("again-").removeprefix("by-hand-") for refund in refunds
    }
    due = booking.amount_due_cents or booking.balance_due_cents
    names = _names([row.recorded_by for row in payments] + [row.recorded_by for row in refunds])
    return {
        **admin.site.each_context(request),
        "title": f"Money of {booking.reference}",
        "booking": booking,
        "lines": Pricing.from_snapshot(booking.pricing).lines,
        "status_words": status_of(booking, now=now)[1],
        "payments": [(row, names.get(row.recorded_by, row.recorded_by)) for row in payments],
        "refunds": [
            {
                "row": refund,
                "why": _why(refund),
                "who": names.get(refund.recorded_by, refund.recorded_by),
                "can_retry": _has_failed(refund) and str(refund.pk) not in replaced,
                "can_hand": _waits_for_hand(refund)
                or (_has_failed(refund) and str(refund.pk) not in replaced),
            }
            for refund in refunds
        ],
        "disputes": list(Dispute.objects.filter(payment__in=payments)),
        "cases": list(Case.objects.filter(booking_id=booking.pk, closed_at__isnull=True)),
        "is_something_due": bool(due),
        "is_pending": booking.status == BookingStatus.PENDING_PAYMENT,
        "theirs": _preview(request, booking, now, by_us=False),
        "ours": _preview(request, booking, now, by_us=True),
        "take_form": TakeForm(
            initial={"amount": f"{due / 100:.2f}"},
            auto_id="take_%s",
        ),
        "waive_form": WaiveForm(auto_id="waive_%s"),
        "refund_form": _refund_form(booking, None),
        "cancel_form": CancelForm(auto_id="cancel_%s"),
        "hand_form": HandForm(auto_id=False),
        "form_key": new_form_key(),
        "may_change": request.user.has_perm(CHANGE),
        "may_give": request.user.has_perm(GIVE),
    }


def outstanding_deeds(request: HttpRequest, booking: Booking) -> list[tuple[str, str]]:
    """Give what this person may do about a booking's money now: place on its page, and words."""
    found = []
    may_change = request.user.has_perm(CHANGE)
    if may_change and (booking.amount_due_cents or booking.balance_due_cents):
        found += [("take", "Take cash or a check"), ("link", "Send a pay link")]
    if may_change and booking.status == BookingStatus.PENDING_PAYMENT:
        found.append(("waive", "Waive what is due"))
    if request.user.has_perm(GIVE) and booking.net_paid_cents > 0:
        found.append(("refund", "Give a part back"))
    return found


def _names(recorded_by: list[str]) -> dict[str, str]:
    """Give what members of staff are called, by how rows name them."""
    ids = {name.removeprefix(_ADMIN) for name in recorded_by if name.startswith(_ADMIN)}
    users = get_user_model()._default_manager.filter(pk__in=ids)
    return {f"{_ADMIN}{user.pk}": user.get_username() for user in users}


def _why(refund: Refund) -> str:
    """Word the occasion of a refund."""
    return next((text for stem, text in _WHY if refund.reason_key.startswith(stem)), "other")


def _has_failed(refund: Refund) -> bool:
    return refund.method == RefundMethod.CARD and refund.status == RefundState.FAILED


def _waits_for_hand(refund: Refund) -> bool:
    return refund.method == RefundMethod.BY_HAND and refund.status == RefundState.REQUESTED


def _preview(
    request: HttpRequest, booking: Booking, now: datetime, *, by_us: bool
) -> Settlement | None:
    try:
        return preview_cancellation(booking=booking, actor=actor_of(request), now=now, by_us=by_us)
    except CannotCancel:
        return None


def _refund_form(booking: Booking, sent: Any) -> RefundForm:
    form = RefundForm(sent, auto_id="refund_%s")
    choices = []
    for payment in Payment.objects.filter(booking=booking).order_by("created_at"):
        known = [given_back_of(refund) for refund in payment.refunds.all()]
        if left := refundable_cents(captured_of(payment), known):
            text = f"{_HOW[payment.method]} {show(payment.amount_captured_cents)}"
            choices.append((str(payment.pk), f"{text}, {show(left)} left"))
    field = form.fields["payment"]
    if isinstance(field, forms.ChoiceField):
        field.choices = choices
    return form
