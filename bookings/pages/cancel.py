"""Cancelling from the booking's own page: what goes back is shown before the click."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.errors import CannotCancel
from bookings.forms import CancelForm
from bookings.links import manage_path
from bookings.models import Booking
from bookings.pages.own import own_page
from bookings.pages.summary import summary_of_booking
from bookings.states import BookingStatus
from hmnp.accounts.principals import Principal
from hmnp.core.errors import DomainError, PreconditionFailed
from hmnp.core.money import show
from hmnp.core.pages import new_form_key
from services.catalogue import require_service


@own_page("GET", "POST")
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
        note = "It goes back the way it was paid; a card usually shows it within 5 to 10 days."
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
