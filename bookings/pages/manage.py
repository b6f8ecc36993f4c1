"""A customer's own booking by its signed link: read it, move it, cancel it.

The link sets a cookie for this path and leads to the address without the token, so that the
token stays out of histories and referrers. Only a POST changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings import queries, wording
from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.actions.update_booking import BookingChanges, plan_update, update_booking
from bookings.errors import CannotCancel, InvalidStatusTransition, SlotTaken, SlotUnavailable
from bookings.forms import CancelForm
from bookings.links import manage_path
from bookings.locks import live_claim_of
from bookings.models import Booking
from bookings.pages import cookies, days
from bookings.pages.confirmed import calendar_response
from bookings.pages.summary import (
    price_of_move,
    rows_of_booking,
    status_of,
    summary_of_booking,
)
from bookings.policy import Policy
from bookings.states import BookingStatus, RefundStatus
from hmnp.accounts.principals import Principal
from hmnp.core import tokens
from hmnp.core.errors import DomainError, NotFound, PreconditionFailed, Unauthenticated
from hmnp.core.money import show
from hmnp.core.pages import appointment, clock, long_day, new_form_key, page, zone_name
from services.catalogue import require_service

_DONE = {
    "moved": ("Your booking has been moved", "A new confirmation is on its way to you by mail."),
    "cancelled": ("Your booking has been cancelled", "We have sent you a mail that says so."),
    "paid": ("Thank you, the payment has arrived", "We have sent you a receipt by mail."),
}
_OPEN = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)
_OWES = (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS, BookingStatus.COMPLETED)

OwnView = Callable[[HttpRequest, Booking, Principal], HttpResponse]


def own_booking(request: HttpRequest, *, booking_id: UUID) -> tuple[Booking, Principal] | None:
    """Give the booking this browser may manage and who that makes it, or None."""
    token = cookies.manage_token(request, booking_id=booking_id)
    if token is None:
        return None
    caller = cookies.customer(request, token=token)
    try:
        booking = queries.get_visible(principal=caller, booking_id=booking_id, now=timezone.now())
    except (NotFound, Unauthenticated):
        return None
    return booking, caller


def link_over(request: HttpRequest) -> HttpResponse:
    """Say that the link opens nothing; alike for wrong, old and foreign ones."""
    return render(request, "bookings/link_over.html", status=404)


def _own(*methods: str) -> Callable[[OwnView], Callable[..., Any]]:
    """Hand the view the booking the browser may manage; without one say how to get a link."""

    def decorate(view: OwnView) -> Callable[..., Any]:
        @page(*methods)
        @wraps(view)
        def answer(request: HttpRequest, booking_id: UUID) -> HttpResponse:
            found = own_booking(request, booking_id=booking_id)
            return view(request, *found) if found else link_over(request)

        return answer

    return decorate


@page("GET")
def manage(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show the booking; with a token in the address, keep it and lead to the address without."""
    if "token" in request.GET:
        return _enter(request, booking_id)
    found = own_booking(request, booking_id=booking_id)
    if found is None:
        return link_over(request)
    booking, caller = found
    now = timezone.now()
    service = require_service(id_or_slug=booking.service_id)
    tone, words = status_of(booking, now=now)
    title, text = _DONE.get(request.GET.get("done", ""), ("", ""))
    context = {
        "booking": booking,
        "summary": summary_of_booking(booking=booking, service=service),
        "rows": rows_of_booking(booking=booking, service=service),
        "status": {"tone": tone, "text": words},
        "actions": _actions(booking, caller, now=now),
        "notes": _notes(booking, now=now),
        "ron_join_url": booking.ron_join_url
        if booking.status in (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)
        else "",
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
    response = HttpResponseRedirect(manage_path(booking=booking))
    cookies.keep_manage(response, booking=booking)
    return response


@_own("GET")
def calendar(request: HttpRequest, booking: Booking, _: Principal) -> HttpResponse:
    """Give the booking as a calendar file."""
    return calendar_response(booking)


@_own("GET", "POST")
def cancel(request: HttpRequest, booking: Booking, caller: Principal) -> HttpResponse:
    """Show what cancelling gives back; cancel when that is sent."""
    now = timezone.now()
    if booking.status == BookingStatus.CANCELLED:
        return HttpResponseRedirect(f"{manage_path(booking=booking)}?done=cancelled")
    form = CancelForm(request.POST if request.method == "POST" else None)
    problem: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            preview = preview_cancellation(booking=booking, actor=caller.actor, now=now)
            if request.POST.get("shown_refund") != str(preview.refund_cents):
                raise PreconditionFailed("What you get back has changed; please look again.")
            cancel_booking(
                booking_id=booking.pk,
                reason=form.cleaned_data["reason"],
                actor=caller.actor,
                now=now,
                expected_version=booking.version,
            )
            return HttpResponseRedirect(f"{manage_path(booking=booking)}?done=cancelled")
        except (CannotCancel, PreconditionFailed) as error:
            problem = error
            booking.refresh_from_db()
    return _show_cancel(request, booking, caller, form=form, problem=problem, now=now)


def _show_cancel(
    request: HttpRequest,
    booking: Booking,
    caller: Principal,
    *,
    form: CancelForm,
    problem: DomainError | None,
    now: datetime,
) -> HttpResponse:
    preview = preview_cancellation(booking=booking, actor=caller.actor, now=now)
    refund = show(preview.refund_cents)
    if preview.refund_cents:
        note = "The money goes back to the card you paid with, usually within 5 to 10 days."
        button = f"Cancel and get {refund} back"
    else:
        note = "Nothing goes back, and nothing more is to be paid."
        button = "Cancel the booking"
    context = {
        "booking": booking,
        "summary": summary_of_booking(
            booking=booking, service=require_service(id_or_slug=booking.service_id)
        ),
        "paid_cents": booking.net_paid_cents,
        "kept_cents": preview.kept_cents,
        "refund_cents": preview.refund_cents,
        "tier_label": preview.label.partition(":")[0].lower(),
        "refund_note": note,
        "button": button,
        "form": form,
        "form_key": new_form_key(),
        "problem": {"title": problem.message, "text": "Nothing has been cancelled."}
        if problem
        else None,
        "manage_href": manage_path(booking=booking),
        "cancel_href": reverse("manage-cancel", args=[booking.pk]),
    }
    return render(
        request, "bookings/cancel.html", context, status=problem.status if problem else 200
    )


@_own("GET", "POST")
def reschedule(request: HttpRequest, booking: Booking, caller: Principal) -> HttpResponse:
    """Show free times, then what the chosen one changes in the price; move when that is sent."""
    now = timezone.now()
    sent = request.POST if request.method == "POST" else request.GET
    start = days.read_start(sent.get("start", ""), zone=booking.zone)
    if start is None:
        return _show_times(request, booking, now=now)
    changes = BookingChanges(starts_at=start)
    try:
        plan = plan_update(booking=booking, changes=changes, actor=caller.actor, now=now)
        total = plan.pricing.final_price_cents
        if request.method != "POST":
            return _show_move(request, booking, plan=plan, start=start)
        if request.POST.get("shown_total") != str(total):
            return _show_move(request, booking, plan=plan, start=start, is_new_price=True)
        update_booking(
            booking_id=booking.pk,
            changes=changes,
            actor=caller.actor,
            now=now,
            expected_version=booking.version,
        )
    except (SlotTaken, SlotUnavailable, InvalidStatusTransition, PreconditionFailed) as error:
        return _show_times(request, booking, now=now, refusal=error)
    return HttpResponseRedirect(f"{manage_path(booking=booking)}?done=moved")


def _show_times(
    request: HttpRequest, booking: Booking, *, now: datetime, refusal: DomainError | None = None
) -> HttpResponse:
    service = require_service(id_or_slug=booking.service_id)
    address = reverse("manage-reschedule", args=[booking.pk])

    claim = live_claim_of(booking_id=booking.pk)

    def href(day: date) -> str:
        return f"{address}?{urlencode({'day': day.isoformat()})}#times"

    found = days.offer(
        service=service,
        zip_code=(booking.zip_code or None) if service.is_mobile else None,
        asked_day=days.read_day(request.GET.get("day", "")),
        now=now,
        href=href,
        own_claim=claim.pk if claim else None,
        without=booking.starts_at,
    )
    context = {
        "booking": booking,
        "summary": summary_of_booking(booking=booking, service=service),
        "offer": found,
        "groups": days.groups(slots=found.slots, zone=service.timezone, extra_cents={}),
        "zone_name": f"{zone_name(now, zone=service.timezone)} time",
        "move_note": _move_note(booking, now=now),
        "reschedule_href": address,
        "manage_href": manage_path(booking=booking),
        "problem": _problem(refusal, booking) if refusal else None,
    }
    return render(
        request, "bookings/reschedule.html", context, status=refusal.status if refusal else 200
    )


def _show_move(
    request: HttpRequest,
    booking: Booking,
    *,
    plan: Any,
    start: datetime,
    is_new_price: bool = False,
) -> HttpResponse:
    service = plan.wanted.service
    difference = plan.pricing.final_price_cents - booking.price_cents
    ends_at = start + timedelta(minutes=service.duration_minutes)
    if difference > 0:
        heading = f"{show(difference)} more"
        note = f"The price was {show(booking.price_cents)}. " + (
            "You pay the difference with the rest, at the door or on your booking’s page."
            if service.is_mobile
            else "You pay the difference on your booking’s page, before the session."
        )
    elif difference < 0:
        heading = f"{show(-difference)} less"
        note = (
            f"The price was {show(booking.price_cents)}. What you have paid above the new price "
            "goes back to your card."
        )
    else:
        heading, note = "The price stays the same", "Nothing is to be paid for the move."
    context = {
        "booking": booking,
        "summary": summary_of_booking(booking=booking, service=service),
        "move": {
            "when": appointment(start, ends_at, zone=booking.zone, with_year=True),
            "heading": heading,
            "note": note,
            "price": price_of_move(booking=booking, pricing=plan.pricing, service=service),
            "start": start.astimezone(booking.zone).isoformat(),
            "button": "Move the booking",
        },
        "problem": {
            "title": "The price of this time has changed",
            "text": "Please look at the new price below. Nothing has been moved.",
        }
        if is_new_price
        else None,
        "form_key": new_form_key(),
        "reschedule_href": reverse("manage-reschedule", args=[booking.pk]),
        "manage_href": manage_path(booking=booking),
    }
    return render(request, "bookings/reschedule.html", context, status=409 if is_new_price else 200)


def _problem(refusal: DomainError, booking: Booking) -> dict[str, Any]:
    title = "This time has just been taken" if isinstance(refusal, SlotTaken) else refusal.message
    return {
        "title": title,
        "text": "Your booking is as it was.",
        "alternatives": days.alternatives(details=refusal.details, zone=booking.zone),
    }


def _actions(booking: Booking, caller: Principal, *, now: datetime) -> list[dict[str, Any]]:
    actions = []

    def add(name: str, text: str, *, is_primary: bool = False) -> None:
        href = reverse(name, args=[booking.pk])
        actions.append({"href": href, "text": text, "is_primary": is_primary})

    if booking.status == BookingStatus.PENDING_PAYMENT and booking.amount_due_cents:
        add("manage-pay", f"Pay {show(booking.amount_due_cents)}", is_primary=True)
    elif booking.status in _OWES and booking.balance_due_cents:
        text = f"Pay the balance of {show(booking.balance_due_cents)}"
        add("manage-pay", text, is_primary=True)
    if booking.status in _OPEN and booking.starts_at > now:
        add("manage-reschedule", "Move to another time")
        add("manage-cancel", "Cancel")
    if booking.status in (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS):
        add("manage-calendar", "Add to my calendar")
    return actions


def _notes(booking: Booking, *, now: datetime) -> list[str]:
    notes = []
    if booking.status == BookingStatus.CONFIRMED and booking.starts_at > now:
        notes = [_move_note(booking, now=now), wording.balance_sentence(booking)]
    if booking.status == BookingStatus.CANCELLED and booking.cancel_refund_cents:
        refund = show(booking.cancel_refund_cents)
        if booking.refund_status == RefundStatus.SUCCEEDED:
            notes.append(f"{refund} went back to your card.")
        else:
            notes.append(f"{refund} are on their way back to your card.")
    return notes


def _move_note(booking: Booking, *, now: datetime) -> str:
    """Say until when moving and cancelling cost nothing, or what they cost now."""
    policy = Policy.from_snapshot(booking.policy)
    until = booking.starts_at - timedelta(minutes=policy.free_move_minutes)
    if not policy.move_fee_cents:
        return "Moving is free."
    if until > now:
        local = until.astimezone(booking.zone)
        return f"Moving is free until {long_day(local.date())}, {clock(until, zone=booking.zone)}."
    return f"Moving costs {show(policy.move_fee_cents)} now, this close to the appointment."
