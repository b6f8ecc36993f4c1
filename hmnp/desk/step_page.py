"""One step with a booking: what it will do is shown, and done once when that is confirmed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone

from bookings import locks, wording
from bookings.actions.assign_notary import assign_notary
from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.candidates import candidates
from bookings.errors import CannotCancel
from bookings.models import Booking
from hmnp.core.errors import DomainError, PreconditionFailed
from hmnp.desk.asking import actor_of
from hmnp.desk.booking_page import say_refusal, within_reach
from hmnp.desk.booking_steps import PLAIN_STEPS, may_take, step_of
from hmnp.desk.money_forms import CancelForm
from hmnp.desk.reach import reach_of
from hmnp.desk.wording import reason_in_words
from services.catalogue import require_service


def step(request: HttpRequest, booking_id: UUID, code: str) -> HttpResponse:
    """Start, complete or close an appointment as a no-show."""
    plain = PLAIN_STEPS.get(code)
    if plain is None:
        raise Http404
    booking = allowed(request, booking_id, code)
    if request.method == "POST":
        try:
            plain.deed(booking_id=booking.pk, actor=actor_of(request), now=timezone.now())
        except DomainError as error:
            say_refusal(request, booking.pk, error)
        else:
            messages.success(request, plain.done)
        return redirect("admin:bookings_booking_change", booking.pk)
    grave = step_of(code)
    return show_step(
        request,
        booking,
        heading=plain.heading,
        says=plain.says(booking),
        button=plain.button,
        is_grave=grave is not None and grave.is_grave,
    )


def cancel(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Cancel, by the policy or on our side; only what was shown goes back."""
    booking = allowed(request, booking_id, "cancel")
    actor, now = actor_of(request), timezone.now()
    form = CancelForm(request.POST or None, auto_id="cancel_%s")
    try:
        previews = {
            whose: preview_cancellation(booking=booking, actor=actor, now=now, by_us=by_us)
            for whose, by_us in (("theirs", False), ("ours", True))
        }
        if request.method == "POST" and form.is_valid():
            whose = form.cleaned_data["whose"]
            if request.POST.get(f"shown_{whose}") != str(previews[whose].refund_cents):
                raise PreconditionFailed("What goes back has changed since this page was loaded.")
            cancel_booking(
                booking_id=booking.pk,
                reason=form.cleaned_data["reason"],
                actor=actor,
                now=now,
                expected_version=booking.version,
                by_us=whose == "ours",
            )
            messages.success(request, "The booking is cancelled.")
            return redirect("admin:bookings_booking_change", booking.pk)
    except PreconditionFailed as error:
        say_refusal(request, booking.pk, error)
        return redirect("admin-booking-cancel", booking.pk)
    except CannotCancel as error:
        say_refusal(request, booking.pk, error)
        return redirect("admin:bookings_booking_change", booking.pk)
    return show_step(
        request,
        booking,
        heading="Cancel the booking",
        form=form,
        previews=[("By the customer", previews["theirs"]), ("By us", previews["ours"])],
        hidden={f"shown_{whose}": one.refund_cents for whose, one in previews.items()},
        button="Cancel the booking",
        is_grave=True,
    )


def assign(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show who can take the appointment and why the others cannot; give it to one who can."""
    booking = allowed(request, booking_id, "assign")
    if request.method == "POST":
        try:
            assigned = assign_notary(
                booking_id=booking.pk,
                notary_id=_number(request.POST.get("notary", "")),
                actor=actor_of(request),
                now=timezone.now(),
            )
        except DomainError as error:
            if reason := error.details.get("reason"):
                error.message = f"{error.message} {reason_in_words(str(reason))}."
            say_refusal(request, booking.pk, error)
            return redirect("admin-booking-assign", booking.pk)
        name = assigned.notary.name if assigned.notary else ""
        messages.success(request, f"{name} has the appointment.")
        return redirect("admin:bookings_booking_change", booking.pk)
    claim = locks.live_claim_of(booking_id=booking.pk)
    service = require_service(id_or_slug=booking.service_id)
    found = candidates(
        service=service,
        starts_at=booking.starts_at,
        zip_code=(booking.zip_code or None) if service.is_mobile else None,
        own_claim=claim.pk if claim else None,
    )
    return render(
        request,
        "desk/assign.html",
        {
            **step_context(request, booking, "Give to another notary"),
            "can": [one for one in found if one.found],
            "cannot": [
                (one, one.reason, reason_in_words(one.reason)) for one in found if not one.found
            ],
        },
    )


def allowed(request: HttpRequest, booking_id: UUID, code: str) -> Booking:
    """Give the booking if this person may take this step with it, whatever its state."""
    reach = reach_of(request.user)
    booking = within_reach(reach, booking_id)
    asked = step_of(code)
    if asked is None or not may_take(asked, reach=reach):
        raise PermissionDenied
    return booking


def show_step(request: HttpRequest, booking: Booking, **more: Any) -> HttpResponse:
    """Show what a step will do, and its button."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    context = {**step_context(request, booking, more["heading"]), **more}
    return render(request, "desk/step.html", context, status=more.get("status", 200))


def step_context(request: HttpRequest, booking: Booking, heading: str) -> dict[str, Any]:
    """Give what every step's page says of its booking."""
    return {
        **admin.site.each_context(request),
        "title": heading,
        "subtitle": booking.reference,
        "booking": booking,
        "when": wording.when(booking),
        "place": wording.place(booking),
    }


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Http404
    return int(text[:18])
