"""Moving and changing a booking: what it does to the price is shown before it is done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from bookings import locks
from bookings.actions.update_booking import (
    BookingChanges,
    UpdatePlan,
    plan_update,
    update_booking,
)
from bookings.models import Booking
from bookings.pages import days
from bookings.slots import free_slots
from hmnp.core.errors import DomainError
from hmnp.core.money import show
from hmnp.core.pages import appointment, clock, long_day
from hmnp.core.times import local_date
from hmnp.desk.asking import actor_of
from hmnp.desk.booking_forms import EditForm
from hmnp.desk.booking_page import say_refusal
from hmnp.desk.step_page import allowed, show_step, step_context
from services.catalogue import require_service

_LABELS = {
    "customer_name": "Name",
    "customer_email": "E-mail",
    "customer_phone": "Phone",
    "zip_code": "ZIP code",
    "special_instructions": "Instructions",
    "signer_details": "Signers by name",
}


def move(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show the free times of a day, then what the chosen one costs; move when that is sent."""
    booking = allowed(request, booking_id, "move")
    sent = request.POST if request.method == "POST" else request.GET
    start = days.read_start(sent.get("start", ""), zone=booking.zone)
    if start is None:
        return _times(request, booking)
    changes, now = BookingChanges(starts_at=start), timezone.now()
    try:
        plan = plan_update(booking=booking, changes=changes, actor=actor_of(request), now=now)
        if request.method == "POST" and _was_shown(request, plan):
            _carry_out(request, booking, changes, now)
            messages.success(request, f"Moved to {_when(booking, start)}.")
            return redirect("admin:bookings_booking_change", booking.pk)
    except DomainError as error:
        say_refusal(request, booking.pk, error)
        return redirect("admin-booking-move", booking.pk)
    return show_step(
        request,
        booking,
        heading=f"Move to {_when(booking, start)}",
        says=_price_says(booking, plan),
        lines=plan.pricing.lines,
        total_cents=plan.pricing.final_price_cents,
        hidden={"start": start.isoformat(), "shown_total": plan.pricing.final_price_cents},
        button="Move the booking",
    )


def edit(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Take new details, show what they change, and change them when that is confirmed."""
    booking = allowed(request, booking_id, "edit")
    form = EditForm(request.POST or None, booking=booking)
    more: dict[str, Any] = {"form": form, "button": "See what changes", "do": "look"}
    if request.method == "POST" and form.is_valid():
        changes, now = _asked(form), timezone.now()
        try:
            plan = plan_update(booking=booking, changes=changes, actor=actor_of(request), now=now)
            if request.POST.get("do") == "save" and _was_shown(request, plan):
                _carry_out(request, booking, changes, now)
                messages.success(request, "The booking is changed.")
                return redirect("admin:bookings_booking_change", booking.pk)
            more = _preview(booking, plan, form)
        except DomainError as error:
            form.refuse(error)
            more["status"] = error.status
    return show_step(request, booking, heading="Change details", **more)


def _asked(form: EditForm) -> BookingChanges:
    return BookingChanges(
        details=form.details(),
        signers=form.cleaned_data["signers"],
        documents=form.cleaned_data["documents"],
    )


def _carry_out(
    request: HttpRequest, booking: Booking, changes: BookingChanges, now: datetime
) -> None:
    update_booking(
        booking_id=booking.pk,
        changes=changes,
        actor=actor_of(request),
        now=now,
        expected_version=booking.version,
    )


def _was_shown(request: HttpRequest, plan: UpdatePlan) -> bool:
    """Tell whether this very price was on the page that was sent."""
    return request.POST.get("shown_total") == str(plan.pricing.final_price_cents)


def _preview(booking: Booking, plan: UpdatePlan, form: EditForm) -> dict[str, Any]:
    changes = [
        (_LABELS.get(name, name.capitalize()), _shown(getattr(booking, name)), _shown(value))
        for name, value in plan.details.items()
    ]
    changes += [
        (name.capitalize(), getattr(booking, name), getattr(plan.wanted, name))
        for name in ("signers", "documents")
        if getattr(booking, name) != getattr(plan.wanted, name)
    ]
    price = plan.pricing.final_price_cents
    if price != booking.price_cents:
        changes.append(("Price", show(booking.price_cents), show(price)))
    more: dict[str, Any] = {"form": form, "changes": changes, "hidden": {"shown_total": price}}
    if not changes:
        return {
            **more,
            "says": ["Nothing is different."],
            "button": "See what changes",
            "do": "look",
        }
    says = _price_says(booking, plan)
    return {**more, "says": says, "button": "Save", "do": "save", "again": "Look again"}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        value = ", ".join(f"{one['name']} ({one['email']})" for one in value)
    return value or "–"


def _price_says(booking: Booking, plan: UpdatePlan) -> list[str]:
    difference = plan.pricing.final_price_cents - booking.price_cents
    if not difference:
        return [f"The price stays {show(booking.price_cents)}."]
    if difference > 0:
        return [f"{show(difference)} more than before; it joins what is left to pay."]
    return [f"{show(-difference)} less than before; what was paid above the new price goes back."]


def _times(request: HttpRequest, booking: Booking) -> HttpResponse:
    """Offer a day's free times; the booking's own time does not stand in its way."""
    service = require_service(id_or_slug=booking.service_id)
    now = timezone.now()
    today = local_date(now, zone=booking.zone)
    day = days.read_day(request.GET.get("day", "")) or local_date(
        max(booking.starts_at, now), zone=booking.zone
    )
    day = min(max(day, today), today + timedelta(days=service.horizon_days))
    claim = locks.live_claim_of(booking_id=booking.pk)
    try:
        slots = free_slots(
            service=service,
            zip_code=(booking.zip_code or None) if service.is_mobile else None,
            first_day=day,
            days=1,
            now=now,
            own_claim=claim.pk if claim else None,
        )
    except DomainError as error:
        say_refusal(request, booking.pk, error)
        slots = []
    context = {
        **step_context(request, booking, "Move the booking"),
        "day": day.isoformat(),
        "day_words": long_day(day),
        "before": (day - timedelta(days=1)).isoformat() if day > today else "",
        "after": (day + timedelta(days=1)).isoformat(),
        "slots": [
            (slot.starts_at.isoformat(), clock(slot.starts_at, zone=booking.zone))
            for slot in slots
            if slot.starts_at != booking.starts_at
        ],
    }
    return render(request, "desk/move.html", context)


def _when(booking: Booking, start: datetime) -> str:
    return appointment(start, start + (booking.ends_at - booking.starts_at), zone=booking.zone)
