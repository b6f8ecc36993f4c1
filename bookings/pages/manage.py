"""A customer's own booking by its signed link.

The link sets a cookie for this path and leads to the address without the token, so that the
token stays out of histories and referrers. Only a POST changes anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings import queries, wording
from bookings.actions.meet_in_person import is_offered
from bookings.courtesy import courtesy_holds
from bookings.links import manage_path
from bookings.models import Booking
from bookings.pages import cookies
from bookings.pages.confirmed import calendar_response
from bookings.pages.own import link_over, own_booking, own_page
from bookings.pages.session import still_missing, takes_documents
from bookings.pages.summary import move_note, rows_of_booking, status_of, summary_of_booking
from bookings.sessions import OPENS_BEFORE
from bookings.states import BookingStatus, RefundStatus
from hmnp.accounts.principals import Principal
from hmnp.core import tokens
from hmnp.core.errors import Unauthenticated
from hmnp.core.money import show
from hmnp.core.pages import page
from services.catalogue import require_service

_DONE = {
    "moved": ("Your booking has been moved", "A new confirmation is on its way to you by mail."),
    "cancelled": ("Your booking has been cancelled", "We have sent you a mail that says so."),
    "chosen": ("You are booked", "A confirmation is on its way to you by mail."),
    "in_person": ("You are booked in person", "A new confirmation is on its way to you by mail."),
    "paid": ("Thank you, the payment has arrived", "You see below what has been paid."),
}
# Where a mailed link may lead, by the name it carries.
_NEXT = {
    "pay": "manage-pay",
    "late": "manage-late",
    "session": "manage-session",
    "in_person": "manage-in-person",
}
_OPEN = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)
_OWES = (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS, BookingStatus.COMPLETED)


@page("GET")
def manage(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show the booking; with a token in the address, keep it and lead to the address without."""
    if "token" in request.GET:
        return _enter(request, booking_id)
    found = own_booking(request, booking_id=booking_id)
    if found is None:
        return link_over(request)
    booking, _ = found
    now = timezone.now()
    service = require_service(id_or_slug=booking.service_id)
    tone, words = status_of(booking, now=now)
    missing = still_missing(booking) if takes_documents(booking) else []
    title, text = _DONE.get(request.GET.get("done", ""), ("", ""))
    context = {
        "booking": booking,
        "summary": summary_of_booking(booking=booking, service=service),
        "rows": rows_of_booking(booking=booking, service=service),
        "status": {"tone": tone, "text": words},
        "actions": _actions(booking, is_missing_something=bool(missing), now=now),
        "missing": missing,
        "in_person_href": reverse("manage-in-person", args=[booking.pk])
        if is_offered(booking)
        else "",
        "notes": _notes(booking, now=now),
        "ron_join_url": booking.ron_join_url
        if booking.status in (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)
        else "",
        "ron_opens_minutes": int(OPENS_BEFORE.total_seconds() // 60),
        "done": {"title": title, "text": text} if title else None,
    }
    return render(request, "bookings/manage.html", context)


def _enter(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    token = tokens.read(request.GET["token"], purpose=tokens.MANAGE)
    if token is None or token.subject_id != booking_id:
        return link_over(request)
    try:
        booking = queries.check_access(token=token, now=timezone.now())
    except Unauthenticated:
        return link_over(request)
    name = _NEXT.get(request.GET.get("next", ""))
    there = reverse(name, args=[booking_id]) if name else manage_path(booking=booking)
    response = HttpResponseRedirect(there)
    cookies.keep_manage(response, booking=booking)
    return response


@own_page("GET")
def calendar(request: HttpRequest, booking: Booking, _: Principal) -> HttpResponse:
    """Give the booking as a calendar file."""
    return calendar_response(booking)


def _actions(
    booking: Booking, *, is_missing_something: bool, now: datetime
) -> list[dict[str, Any]]:
    actions: list[dict[str, Any]] = []

    def add(name: str, text: str, *, is_primary: bool = False) -> None:
        href = reverse(name, args=[booking.pk])
        actions.append({"href": href, "text": text, "is_primary": is_primary})

    if booking.status == BookingStatus.PENDING_PAYMENT and booking.amount_due_cents:
        add("manage-pay", f"Pay {show(booking.amount_due_cents)}", is_primary=True)
    elif booking.status in _OWES and booking.balance_due_cents:
        text = f"Pay the balance of {show(booking.balance_due_cents)}"
        add("manage-pay", text, is_primary=True)
    if booking.status == BookingStatus.EXPIRED and courtesy_holds(booking_id=booking.pk):
        add("manage-late", "Choose one of the times we keep for you", is_primary=True)
    if takes_documents(booking):
        text = "Send documents and signers" if is_missing_something else "Documents and signers"
        add("manage-session", text, is_primary=is_missing_something and not actions)
    if booking.status in _OPEN and booking.starts_at > now:
        add("manage-reschedule", "Move to another time")
        add("manage-cancel", "Cancel the booking")
    if booking.status in (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS):
        add("manage-calendar", "Add to my calendar")
    if booking.amount_paid_cents:
        add("manage-receipt", "Receipt")
    return actions


def _notes(booking: Booking, *, now: datetime) -> list[str]:
    notes = []
    if booking.status == BookingStatus.CONFIRMED and booking.starts_at > now:
        notes = [move_note(booking, now=now), wording.balance_sentence(booking)]
    if booking.status == BookingStatus.CANCELLED and booking.cancel_refund_cents:
        refund = show(booking.cancel_refund_cents)
        if booking.refund_status == RefundStatus.SUCCEEDED:
            notes.append(f"{refund} went back to your card.")
        else:
            notes.append(f"{refund} is on its way back to your card.")
    return notes
