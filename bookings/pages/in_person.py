"""After a failed identity check online: an appointment in person, what was paid carried over.

First the place, which times and price depend on; then a time; then the address and the price of
just that, before anything is changed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings.actions.meet_in_person import Meeting, is_offered, meet_in_person, price_in_person
from bookings.errors import InvalidStatusTransition, PriceChanged, SlotTaken, SlotUnavailable
from bookings.in_person_form import AddressForm, PlaceForm
from bookings.links import manage_path
from bookings.locks import live_claim_of
from bookings.models import Booking
from bookings.pages import days
from bookings.pages.own import own_page
from bookings.pages.summary import price_of_move
from hmnp.accounts.principals import Principal
from hmnp.core.errors import DomainError
from hmnp.core.money import show
from hmnp.core.pages import appointment, new_form_key, zone_name
from services.catalogue import active_services
from services.definitions import ServiceDefinition
from services.errors import OutOfServiceArea, UnknownZip
from services.pricing import Pricing


def services_in_person(booking: Booking) -> list[ServiceDefinition]:
    """Give the services that can do in person what the session was to do, the cheapest first."""
    found = [
        one
        for one in active_services()
        if one.is_mobile
        and one.max_signers >= booking.signers
        and (one.max_documents is None or one.max_documents >= booking.documents)
    ]
    return sorted(found, key=lambda one: one.base_price_cents)


@own_page("GET", "POST")
def in_person(request: HttpRequest, booking: Booking, caller: Principal) -> HttpResponse:
    """Ask for the place, offer times, show the price; turn the booking when that is sent."""
    if not is_offered(booking):
        return HttpResponseRedirect(manage_path(booking=booking))
    services = services_in_person(booking)
    sent = request.POST if request.method == "POST" else request.GET
    form = PlaceForm(sent if "zip" in sent else None, services=services)
    if not services or not form.is_bound or not form.is_valid():
        return _show(request, booking, form)
    service = next(one for one in services if one.slug == form.cleaned_data["service"])
    start = days.read_start(sent.get("start", ""), zone=service.timezone)
    now = timezone.now()
    try:
        if start is None:
            return _show_times(request, booking, form, service, now)
        if request.method == "POST":
            return _send(request, booking, caller, form, service, start, now)
        return _show_price(request, booking, form, service, start, now)
    except (UnknownZip, OutOfServiceArea) as error:
        form.add_error("zip", error.message)
        return _show(request, booking, form, status=400)


def _send(
    request: HttpRequest,
    booking: Booking,
    caller: Principal,
    form: PlaceForm,
    service: ServiceDefinition,
    start: datetime,
    now: datetime,
) -> HttpResponse:
    address = AddressForm(request.POST)
    if not address.is_valid():
        return _show_price(request, booking, form, service, start, now, address=address)
    shown = request.POST.get("shown_total", "")
    where = address.cleaned_data
    try:
        meet_in_person(
            booking_id=booking.pk,
            meeting=Meeting(
                service=service,
                starts_at=start,
                street=where["street"],
                unit=where["unit"],
                city=where["city"],
                state=where["state"].upper(),
                zip_code=form.cleaned_data["zip"],
            ),
            expected_cents=int(shown) if shown.isdigit() else -1,
            actor=caller.actor,
            now=now,
        )
    except PriceChanged:
        return _show_price(
            request, booking, form, service, start, now, address=address, is_new_price=True
        )
    except (SlotTaken, SlotUnavailable) as refusal:
        return _show_times(request, booking, form, service, now, refusal=refusal)
    except InvalidStatusTransition:
        return HttpResponseRedirect(manage_path(booking=booking))
    return HttpResponseRedirect(f"{manage_path(booking=booking)}?done=in_person")


def _show_times(
    request: HttpRequest,
    booking: Booking,
    form: PlaceForm,
    service: ServiceDefinition,
    now: datetime,
    *,
    refusal: DomainError | None = None,
) -> HttpResponse:
    facts = {"service": service.slug, "zip": form.cleaned_data["zip"]}
    # Priced first, so that a ZIP code we do not serve is refused before times are looked for.
    _price(booking, form, service, now + timedelta(days=1), now)

    def href(day: date) -> str:
        return f"{_address(booking)}?{urlencode({**facts, 'day': day.isoformat()})}"

    claim = live_claim_of(booking_id=booking.pk)
    found = days.offer(
        service=service,
        zip_code=form.cleaned_data["zip"],
        asked_day=days.read_day(request.GET.get("day", "")),
        now=now,
        href=href,
        own_claim=claim.pk if claim else None,
    )
    context = {
        "offer": found,
        "facts": facts,
        "groups": days.groups(slots=found.slots, zone=service.timezone, extra_cents={}),
        "zone_name": f"{zone_name(now, zone=service.timezone)} time",
        "problem": refusal and {"title": refusal.message, "text": "Nothing has been changed."},
    }
    status = refusal.status if refusal else 200
    return _show(request, booking, form, status=status, **context)


def _show_price(
    request: HttpRequest,
    booking: Booking,
    form: PlaceForm,
    service: ServiceDefinition,
    start: datetime,
    now: datetime,
    *,
    address: AddressForm | None = None,
    is_new_price: bool = False,
) -> HttpResponse:
    pricing = _price(booking, form, service, start, now)
    ends_at = start + timedelta(minutes=service.duration_minutes)
    facts = {"service": service.slug, "zip": form.cleaned_data["zip"]}
    context = {
        "meeting": {
            "service_name": service.name,
            "when": appointment(start, ends_at, zone=service.timezone, with_year=True),
            "price": price_of_move(booking=booking, pricing=pricing, service=service),
            "start": start.astimezone(service.timezone).isoformat(),
            "note": _note(booking, pricing),
        },
        "facts": facts,
        "address": address or AddressForm(initial={"state": "TX"}),
        "form_key": new_form_key(),
        "times_href": f"{_address(booking)}?{urlencode(facts)}",
        "problem": is_new_price
        and {
            "title": "The price of this time has changed",
            "text": "Please look at the new price below. Nothing has been changed.",
        },
    }
    is_wrong = address is not None and address.errors
    status = 409 if is_new_price else 400 if is_wrong else 200
    return _show(request, booking, form, status=status, **context)


def _price(
    booking: Booking, form: PlaceForm, service: ServiceDefinition, start: datetime, now: datetime
) -> Pricing:
    _, pricing = price_in_person(
        booking=booking,
        service=service,
        starts_at=start,
        zip_code=form.cleaned_data["zip"],
        now=now,
    )
    return pricing


def _note(booking: Booking, pricing: Pricing) -> str:
    left = pricing.final_price_cents - booking.net_paid_cents
    if left > 0:
        return (
            f"You have paid {show(booking.net_paid_cents)} already; you pay the rest at the door."
        )
    if left < 0:
        return "What you have paid above this price goes back to your card."
    return "You have paid this already."


def _address(booking: Booking) -> str:
    return reverse("manage-in-person", args=[booking.pk])


def _show(
    request: HttpRequest, booking: Booking, form: PlaceForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    if form.is_bound and form.errors:
        status = 400
    context = {
        "booking": booking,
        "form": form,
        "in_person_href": _address(booking),
        "manage_href": manage_path(booking=booking),
        **more,
    }
    return render(request, "bookings/in_person.html", context, status=status)
