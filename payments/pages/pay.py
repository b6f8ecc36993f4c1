"""Step 4 of booking: review and pay; and the balance, paid from the booking's own page.

The page is read without asking Stripe anything; its script asks for the intent by POST.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings import queries
from bookings.errors import HoldExpired, InvalidStatusTransition, NothingDue
from bookings.links import manage_path
from bookings.models import Booking
from bookings.pages import cookies
from bookings.pages.hold_box import HoldBox
from bookings.pages.own import link_over, own_booking
from bookings.pages.summary import PriceView, rows_of_booking, summary_of_booking
from bookings.states import BookingStatus
from hmnp.core.errors import DomainError, NotFound, ServiceUnavailable, Unauthenticated
from hmnp.core.limits import Action, limited
from hmnp.core.money import show
from hmnp.core.pages import clock, page
from payments.checkout import prepare_checkout, settle_booking
from payments.models import LateChoice, Payment
from payments.pages.late import is_open
from payments.provider import GatewayError
from payments.states import PaymentStatus
from services.catalogue import require_service

STEP = {"number": 4, "name": "Review and pay"}

_card_field = csp_replace(settings.PAYMENT_PAGE_CSP)


@dataclass(frozen=True)
class _Door:
    """Where the page was entered: from booking, or from the booking's own page."""

    intent_url: str
    return_url: str
    here: str
    is_step: bool


def _booking_door() -> _Door:
    return _Door(
        intent_url=reverse("book-pay-intent"),
        return_url=reverse("book-pay-return"),
        here=reverse("book-pay"),
        is_step=True,
    )


def _manage_door(booking_id: UUID) -> _Door:
    return _Door(
        intent_url=reverse("manage-pay-intent", args=[booking_id]),
        return_url=reverse("manage-pay-return", args=[booking_id]),
        here=reverse("manage-pay", args=[booking_id]),
        is_step=False,
    )


@_card_field
@page("GET")
def pay(request: HttpRequest) -> HttpResponse:
    """Show the booking made in this browser once more, and the card field."""
    booking = _new_booking(request)
    if booking is None:
        return _nothing_here(request)
    return _pay_page(request, booking, _booking_door())


@page("POST")
@limited(Action.INTENT)
def pay_intent(request: HttpRequest) -> HttpResponse:
    """Give the page's script what the card field needs."""
    booking = _new_booking(request)
    if booking is None:
        return JsonResponse({"location": reverse("book-pay")}, status=404)
    return _intent(booking, _booking_door())


@page("GET")
def pay_return(request: HttpRequest) -> HttpResponse:
    """Come back from the bank: ask Stripe what came of it, and lead on."""
    booking = _new_booking(request)
    if booking is None:
        return _nothing_here(request)
    return _come_back(booking, _booking_door())


@_card_field
@page("GET")
def pay_balance(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show the card field for what is left to pay."""
    found = own_booking(request, booking_id=booking_id)
    if found is None:
        return link_over(request)
    return _pay_page(request, found[0], _manage_door(booking_id))


@page("POST")
@limited(Action.INTENT)
def pay_balance_intent(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Give the page's script what the card field needs."""
    found = own_booking(request, booking_id=booking_id)
    if found is None:
        return JsonResponse({"location": f"/manage/{booking_id}"}, status=404)
    return _intent(found[0], _manage_door(booking_id))


@page("GET")
def pay_balance_return(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Come back from the bank to the booking's own page."""
    found = own_booking(request, booking_id=booking_id)
    if found is None:
        return link_over(request)
    return _come_back(found[0], _manage_door(booking_id))


def _pay_page(request: HttpRequest, booking: Booking, door: _Door) -> HttpResponse:
    now = timezone.now()
    is_pending = booking.status == BookingStatus.PENDING_PAYMENT
    amount = booking.amount_due_cents if is_pending else booking.balance_due_cents
    if booking.status == BookingStatus.EXPIRED:
        return _choose_or_over(request, booking, now=now)
    # The balance has a page of its own; here only what makes the booking is paid.
    if not amount or (door.is_step and not is_pending):
        return HttpResponseRedirect(_after(booking, door))
    if "waiting" in request.GET:
        return _waiting(request, booking, door)
    service = require_service(id_or_slug=booking.service_id)
    later = booking.balance_due_cents - amount
    summary = summary_of_booking(booking=booking, service=service)
    if not is_pending:
        # Paid now by card, so it is not "at the door" any more.
        summary = replace(summary, price=_price_of_balance(summary.price, booking))
    context: dict[str, Any] = {
        "booking": booking,
        "step": STEP if door.is_step else None,
        "summary": summary,
        "rows": rows_of_booking(booking=booking, service=service),
        "amount_cents": amount,
        "pay_note": f"The other {show(later)} is due at the door: card, cash or check."
        if later
        else "",
        "button": f"Pay {show(amount)} and book" if is_pending else f"Pay {show(amount)}",
        "hold": _hold_box(booking, now=now) if is_pending else None,
        "intent_url": door.intent_url,
        "return_url": request.build_absolute_uri(door.return_url),
        "stripe_js_url": settings.STRIPE_JS_URL,
        "declined": _decline(booking) if "declined" in request.GET else "",
        "manage_href": manage_path(booking=booking),
    }
    response = render(request, "payments/pay.html", context)
    # Before paying, too, a customer may find the time wrong and move or cancel.
    cookies.keep_manage(response, booking=booking)
    return response


def _price_of_balance(price: PriceView, booking: Booking) -> PriceView:
    left = booking.balance_due_cents
    sums = [("Paid", show(booking.net_paid_cents))] if booking.net_paid_cents else []
    return replace(price, due_now_cents=left, sums=[*sums, ("Due now", show(left))])


def _intent(booking: Booking, door: _Door) -> HttpResponse:
    try:
        checkout = prepare_checkout(booking_id=booking.pk, now=timezone.now())
    except (NothingDue, HoldExpired, InvalidStatusTransition):
        # Paid, over or cancelled meanwhile: the page itself says which.
        return JsonResponse({"location": door.here}, status=409)
    except DomainError as error:
        return JsonResponse({"message": error.message}, status=error.status)
    return JsonResponse(
        {
            "clientSecret": checkout.client_secret,
            "publishableKey": checkout.publishable_key,
            "amount": show(checkout.amount_cents),
        }
    )


def _come_back(booking: Booking, door: _Door) -> HttpResponse:
    try:
        payments = settle_booking(booking_id=booking.pk, now=timezone.now())
    except (GatewayError, ServiceUnavailable):
        return HttpResponseRedirect(f"{door.here}?waiting=1")
    booking.refresh_from_db()
    if booking.status == BookingStatus.EXPIRED:
        return HttpResponseRedirect(door.here)
    if any(payment.status == PaymentStatus.PROCESSING for payment in payments):
        return HttpResponseRedirect(f"{door.here}?waiting=1")
    if any(payment.is_open for payment in payments):
        return HttpResponseRedirect(f"{door.here}?declined=1")
    return HttpResponseRedirect(_after(booking, door))


def _after(booking: Booking, door: _Door) -> str:
    """Give the address that shows a booking with nothing to pay now."""
    if door.is_step:
        return reverse("book-confirmed", args=[booking.pk])
    return f"{manage_path(booking=booking)}?done=paid"


def _waiting(request: HttpRequest, booking: Booking, door: _Door) -> HttpResponse:
    context = {
        "booking": booking,
        "step": STEP if door.is_step else None,
        "check_url": door.return_url,
    }
    return render(request, "payments/waiting.html", context)


def _choose_or_over(request: HttpRequest, booking: Booking, *, now: datetime) -> HttpResponse:
    if not is_open(LateChoice.objects.filter(booking=booking).first(), now=now):
        return _over(request, booking)
    there = HttpResponseRedirect(reverse("manage-late", args=[booking.pk]))
    cookies.keep_manage(there, booking=booking)
    return there


def _over(request: HttpRequest, booking: Booking) -> HttpResponse:
    """Say that the time was let go, and what happens with money that is still under way."""
    texts = [
        "The time was kept for you until it ran out, and the payment had not arrived. "
        "Nothing is booked."
    ]
    if booking.net_paid_cents:
        texts.append(
            f"{show(booking.net_paid_cents)} came after that. We try to get you the same time "
            "again, or offer you others; else it goes back to your card in full."
        )
    else:
        texts.append(
            "You have not been charged. Should a payment still come in, it either gets you the "
            "same time or goes back to your card in full."
        )
    query = f"?zip={booking.zip_code}" if booking.zip_code else "?"
    counts = f"&signers={booking.signers}&documents={booking.documents}"
    context = {
        "title": "The time we kept for you has ended",
        "texts": texts,
        "href": f"{reverse('book-when', args=[booking.service.slug])}{query}{counts}",
        "link_text": "Pick a new time",
    }
    return render(request, "payments/over.html", context)


def _hold_box(booking: Booking, *, now: datetime) -> HoldBox | None:
    if booking.expires_at is None:
        return None
    at = clock(booking.starts_at, zone=booking.zone)
    return HoldBox.of(
        keep_text=f"We keep {at} for you until",
        ended_text="The time we kept for you has ended. If you were just paying, load this page "
        "again to see what came of it.",
        until=booking.expires_at,
        now=now,
        zone=booking.zone,
    )


def _decline(booking: Booking) -> str:
    last = Payment.objects.filter(booking=booking).order_by("-created_at").first()
    reason = _DECLINES.get(last.decline_code if last else "", "The payment did not go through.")
    return f"{reason} You can try again or use another card."


_DECLINES = {
    "insufficient_funds": "The card has not enough money on it.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The security code is not right.",
    "generic_decline": "Your bank declined the card.",
    "card_declined": "Your bank declined the card.",
    "authentication_failed": "Your bank could not confirm that it is you.",
}


def _new_booking(request: HttpRequest) -> Booking | None:
    token = cookies.access_token(request)
    if token is None:
        return None
    try:
        return queries.get_visible(
            principal=cookies.customer(request, token=token),
            booking_id=token.subject_id,
            now=timezone.now(),
        )
    except (NotFound, Unauthenticated):
        return None


def _nothing_here(request: HttpRequest) -> HttpResponse:
    context = {
        "title": "There is no booking to pay for here",
        "text": "Bookings are paid in the browser they were made in. With your reference you can "
        "open yours anywhere.",
        "href": reverse("home"),
        "link_text": "See our services",
    }
    return render(request, "bookings/no_hold.html", context, status=404)
