"""An itemised receipt: what Texas law sets apart from our service, and every movement of money."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from bookings import wording
from bookings.links import manage_path
from bookings.models import Booking
from bookings.pages.own import own_page
from bookings.states import CLOSED_WITHOUT_SERVICE
from hmnp.accounts.principals import Principal
from hmnp.core.pages import long_day
from payments.receipts import money_lines
from services.pricing import LineType, Pricing


@own_page("GET")
def receipt(request: HttpRequest, booking: Booking, _: Principal) -> HttpResponse:
    """Show the receipt as of now, to read or to print."""
    lines = Pricing.from_snapshot(booking.pricing).lines
    today = timezone.now().astimezone(booking.zone).date()
    place = wording.place(booking)
    context = {
        "booking": booking,
        "service_name": booking.service.name,
        "when": wording.when(booking),
        "place": place,
        "today": f"{long_day(today)} {today.year}",
        "statutory_lines": [line for line in lines if line.type is LineType.STATUTORY],
        "other_lines": [line for line in lines if line.type is not LineType.STATUTORY],
        "money_lines": money_lines(booking=booking),
        "is_closed": booking.status in CLOSED_WITHOUT_SERVICE,
        "balance_sentence": wording.balance_sentence(booking),
        "company_area": settings.COMPANY.get("area", ""),
        "manage_href": manage_path(booking=booking),
    }
    return render(request, "payments/receipt.html", context)
