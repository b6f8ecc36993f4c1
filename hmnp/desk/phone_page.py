"""Booking by phone: the same price and claim as everywhere, and what staff may set aside."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone

from bookings import holders, schedules
from bookings.actions.create_booking import create_booking
from bookings.availability import misfits
from bookings.candidates import candidates
from bookings.models import Booking
from bookings.pages.sent_once import sent_once
from bookings.quoting import Wanted
from bookings.requests import BookingRequest
from bookings.slots import MISFITS_IN_WORDS
from bookings.staff_terms import StaffTerms
from hmnp.core.errors import DomainError, Fault, ValidationFailed
from hmnp.core.idempotency import Answer, Replayed
from hmnp.core.money import show
from hmnp.core.pages import appointment, new_form_key
from hmnp.core.times import local_date, wall_exists
from hmnp.desk.asking import actor_of, staff_principal
from hmnp.desk.booking_forms import PhoneForm
from hmnp.desk.wording import reason_in_words
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.send_pay_link import send_pay_link
from payments.states import PaymentMethod
from services import quotes
from services.catalogue import require_service
from services.errors import OutOfServiceArea
from services.pricing import Pricing


def new_booking(request: HttpRequest) -> HttpResponse:
    """Take a booking by phone: show the price, then book what was shown."""
    if not request.user.has_perm("bookings.add_booking"):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    form = PhoneForm(request.POST or None, auto_id="new_%s")
    more: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            wanted, terms = wanted_of(form), form.staff_terms()
            terms.check(actor=actor_of(request))
            pricing = quotes.quote(now=now, agreed=terms.agreed, **wanted.facts())
            more = _preview(wanted, terms, pricing, now)
            if request.POST.get("do") == "book" and _was_shown(request, pricing):
                return _book(request, form, wanted, terms, pricing, now)
        except DomainError as error:
            form.refuse(error)
            more |= {"free": _free(error), "status": error.status}
            if isinstance(error, OutOfServiceArea):
                more["hint"] = "Agree on a fee for the way below, and say why, to go there."
    context = {
        **admin.site.each_context(request),
        "title": "Book by phone",
        "form": form,
        "groups": form.groups(),
        "form_key": request.POST.get("form_key") or new_form_key(),
        **more,
    }
    return render(request, "desk/new_booking.html", context, status=more.get("status", 200))


def wanted_of(form: PhoneForm) -> Wanted:
    """Give what is asked for. Raises `ValidationFailed` for a time that the clocks skip."""
    sent = form.cleaned_data
    service = require_service(id_or_slug=sent["service"].pk)
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    wall = datetime.combine(sent["day"], sent["time"])
    if not wall_exists(wall, zone=zone):
        raise ValidationFailed(
            Fault("scheduledDateTime", "nonexistent", "The clocks skip this time on that day.")
        )
    return Wanted(
        service=service,
        starts_at=wall.replace(tzinfo=zone),
        zip_code=sent["zip_code"] if service.is_mobile else None,
        signers=sent["signers"],
        documents=sent["documents"],
        promo_code=sent["promo"] or None,
    )


def _preview(wanted: Wanted, terms: StaffTerms, pricing: Pricing, now: datetime) -> dict[str, Any]:
    """Show the price, which rules stand in the way, and who could do it."""
    service, zone = wanted.service, wanted.service.timezone
    loaded = schedules.load(service=service, first_day=local_date(wanted.starts_at, zone=zone))
    broken = misfits(
        service=service, starts_at=wanted.starts_at, now=now, blackouts=loaded.blackouts
    )
    found = candidates(
        service=service,
        starts_at=wanted.starts_at,
        zip_code=wanted.zip_code,
        is_any_hour=terms.is_any_hour,
    )
    return {
        "pricing": pricing,
        "broken": [(MISFITS_IN_WORDS[rule], rule in terms.waived) for rule in broken],
        "can": [one for one in found if one.found],
        "cannot": [(one.name, reason_in_words(one.reason)) for one in found if not one.found],
    }


def _was_shown(request: HttpRequest, pricing: Pricing) -> bool:
    return request.POST.get("shown_total") == str(pricing.final_price_cents)


def _book(
    request: HttpRequest,
    form: PhoneForm,
    wanted: Wanted,
    terms: StaffTerms,
    pricing: Pricing,
    now: datetime,
) -> HttpResponse:
    caller = staff_principal(request)
    once = sent_once(request, principal=caller.key, render=_remember)
    try:
        booking_id = create_booking(
            request=BookingRequest(
                wanted=wanted,
                customer=form.customer(),
                expected_cents=pricing.final_price_cents,
                terms=terms,
            ),
            holder=holders.holder_of(caller),
            actor=caller.actor,
            now=now,
            idempotency=once,
        ).pk
    except Replayed as replayed:
        # Sent again: what came after the booking is done again too, and each of it counts once.
        booking_id = UUID(replayed.answer.body["bookingId"])
    booking = Booking.objects.get(pk=booking_id)
    when = appointment(booking.starts_at, booking.ends_at, zone=booking.zone)
    messages.success(request, f"{booking.reference} is booked: {when}.")
    _see_to_payment(request, form, booking, now)
    return redirect("admin:bookings_booking_change", booking_id)


def _see_to_payment(request: HttpRequest, form: PhoneForm, booking: Booking, now: datetime) -> None:
    """Send the link or record what was taken; the booking stands even if that is refused."""
    how = form.cleaned_data["payment"]
    if how == "none":
        return
    try:
        if how == "link":
            send_pay_link(booking_id=booking.pk, now=now)
            messages.success(request, "The customer is sent a link to pay by card.")
            return
        amount = form.cleaned_data["amount"] or booking.price_cents
        record_offline_payment(
            booking_id=booking.pk,
            amount_cents=amount,
            method=PaymentMethod(how),
            note="taken when it was booked by phone",
            actor=actor_of(request),
            now=now,
            request_key=request.POST.get("form_key", "")[:40],
        )
        messages.success(request, f"{show(amount)} is recorded.")
    except DomainError as error:
        messages.error(request, f"The payment is still to be seen to: {error.message}")


def _remember(booking: Booking) -> Answer:
    return Answer(status=302, body={"bookingId": str(booking.pk)})


def _free(error: DomainError) -> list[str]:
    """Word the times an error offers instead."""
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    return [
        appointment(
            datetime.fromisoformat(one["startTime"]),
            datetime.fromisoformat(one["endTime"]),
            zone=zone,
        )
        for one in error.details.get("alternatives", ())
    ]
