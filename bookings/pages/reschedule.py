"""Moving from the booking's own page: what it changes in the price is shown before the click."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings.actions.update_booking import BookingChanges, plan_update, update_booking
from bookings.errors import InvalidStatusTransition, SlotTaken, SlotUnavailable
from bookings.links import manage_path
from bookings.locks import live_claim_of
from bookings.models import Booking
from bookings.pages import days
from bookings.pages.own import own_page
from bookings.pages.summary import move_note, price_of_move, summary_of_booking
from hmnp.accounts.principals import Principal
from hmnp.core.errors import DomainError, PreconditionFailed
from hmnp.core.money import show
from hmnp.core.pages import appointment, new_form_key, zone_name
from services.catalogue import require_service


@own_page("GET", "POST")
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
        return f"{address}?{urlencode({'day': day.isoformat()})}"

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
        "move_note": move_note(booking, now=now),
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
