"""The receipt of a booking, and its calendar file, in the browser that made it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from bookings import ics, queries, wording
from bookings.links import manage_path
from bookings.models import Booking
from bookings.pages import cookies
from bookings.pages.summary import summary_of_booking
from bookings.states import BookingStatus
from hmnp.core.errors import NotFound
from hmnp.core.pages import page
from services.catalogue import require_service


@page("GET")
def confirmed(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show the reference, what happens next and what to have ready."""
    booking = _own(request, booking_id)
    if booking.status in (BookingStatus.PENDING_PAYMENT, BookingStatus.EXPIRED):
        return redirect("book-pay")
    service = require_service(id_or_slug=booking.service_id)
    context = {
        "booking": booking,
        "heading": "This booking was cancelled"
        if booking.status == BookingStatus.CANCELLED
        else "You are booked",
        "is_on": booking.status in (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS),
        "summary": summary_of_booking(booking=booking, service=service),
        "mail_line": f"A confirmation with a calendar entry is on its way to "
        f"{booking.customer_email}.",
        "next_steps": wording.next_steps(booking),
        "bring": wording.what_to_have_ready(booking),
        "calendar_href": reverse("book-calendar", args=[booking.pk]),
        "manage_href": manage_path(booking=booking),
    }
    response = render(request, "bookings/confirmed.html", context)
    # The link below works without the mail: this browser has just proved whose booking it is.
    cookies.keep_manage(response, booking=booking)
    return response


@page("GET")
def calendar(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Give the booking as a calendar file."""
    return calendar_response(_own(request, booking_id))


def calendar_response(booking: Booking) -> HttpResponse:
    """Answer with a booking's calendar file."""
    response = HttpResponse(
        ics.calendar_file(booking=booking, now=timezone.now()),
        content_type="text/calendar; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{ics.FILENAME}"'
    return response


def _own(request: HttpRequest, booking_id: UUID) -> Booking:
    """Give the booking made in this browser. Raises `NotFound`, `Unauthenticated`."""
    token = cookies.access_token(request)
    if token is None:
        raise NotFound
    return queries.get_visible(
        principal=cookies.customer(request, token=token),
        booking_id=booking_id,
        now=timezone.now(),
    )
