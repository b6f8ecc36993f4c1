"""Step 3 of booking: who and exactly where. Sending it books the time that is held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from bookings import holders
from bookings.actions.create_booking import create_booking
from bookings.errors import HoldExpired, HoldNotFound, PriceChanged, SlotTaken, SlotUnavailable
from bookings.forms import DetailsForm
from bookings.models import Booking, SlotClaim
from bookings.pages import cookies, days
from bookings.pages.held import carried_hold
from bookings.pages.hold_box import HoldBox
from bookings.pages.refused import terms_label, what_now
from bookings.pages.sent_once import sent_once
from bookings.pages.summary import summary_of_wanted, wanted_of_claim
from bookings.quoting import Wanted
from bookings.requests import BookingRequest
from hmnp.accounts.principals import anonymous
from hmnp.core import tokens
from hmnp.core.errors import DomainError, ValidationFailed
from hmnp.core.idempotency import Answer, Replayed, Secret
from hmnp.core.limits import Action, limited
from hmnp.core.pages import appointment, clock, new_form_key, page
from hmnp.core.tokens import Token
from services import quotes
from services.catalogue import require_service
from services.errors import OutOfServiceArea, PromoInvalid, UnknownZip
from services.pricing import Pricing

STEP = {"number": 3, "name": "Your details"}


@dataclass(frozen=True)
class _State:
    """The hold this page is about, and what is to be booked at which price."""

    token: Token
    claim: SlotClaim
    is_held: bool
    wanted: Wanted
    pricing: Pricing


@page("GET", "POST")
@limited(Action.BOOKING)
def details(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask who and where while the time is held; book when it is sent."""
    now = timezone.now()
    state = _state(request, now=now)
    if state is None:
        return _no_hold(request, slug)
    if state.claim.booking_id is not None:
        return redirect("book-pay")
    if state.wanted.service.slug != slug:
        return redirect("book-details", state.wanted.service.slug)
    if request.method == "POST":
        return _send(request, state=state, now=now)
    typed = {"zip": state.wanted.zip_code or "", "state": "TX", **cookies.draft(request)}
    form = DetailsForm(initial=typed, service=state.wanted.service, signers=state.wanted.signers)
    return _show(request, form=form, state=state, now=now)


def _send(request: HttpRequest, *, state: _State, now: datetime) -> HttpResponse:
    wanted = state.wanted
    form = DetailsForm(request.POST, service=wanted.service, signers=wanted.signers)
    if request.POST.get("go") == "back":
        return _go_back(form, wanted)
    start = days.read_start(request.POST.get("start", ""), zone=wanted.service.timezone)
    without_promo = "promo_dropped" in request.POST
    wanted = replace(
        wanted,
        starts_at=start or wanted.starts_at,
        promo_code=None if without_promo else wanted.promo_code,
    )
    if not form.is_valid():
        return _show(request, form=form, state=replace(state, wanted=wanted), now=now, status=400)
    wanted = replace(wanted, zip_code=form.cleaned_data.get("zip"))
    state = replace(state, wanted=wanted)
    # Another time, or one no longer held, is claimed by the booking itself.
    is_held_time = state.is_held and wanted.starts_at == state.claim.starts_at
    token = state.token if is_held_time else None
    try:
        return _book(request, form=form, wanted=wanted, token=token, now=now)
    except (HoldExpired, SlotTaken, SlotUnavailable) as error:
        return _show(
            request, form=form, state=replace(state, is_held=False), now=now, refusal=error
        )
    except (PriceChanged, PromoInvalid) as error:
        return _show_new_price(request, form=form, state=state, error=error, now=now)
    except HoldNotFound:
        return redirect("book-pay")
    except (ValidationFailed, OutOfServiceArea, UnknownZip) as error:
        form.refuse(error)
        return _show(request, form=form, state=state, now=now, status=error.status)


def _book(
    request: HttpRequest,
    *,
    form: DetailsForm,
    wanted: Wanted,
    token: Token | None,
    now: datetime,
) -> HttpResponse:
    shown = request.POST.get("shown_total", "")
    caller = anonymous(request)
    once = sent_once(request, principal=caller.key, render=_remember)
    try:
        booking = create_booking(
            request=BookingRequest(
                wanted=wanted,
                customer=form.details(),
                token=token,
                expected_cents=int(shown) if shown.isdecimal() else None,
            ),
            holder=holders.holder_of(caller),
            actor=caller.actor,
            now=now,
            idempotency=once,
        )
        access = _access(booking).reveal()
    except Replayed as replayed:
        access = str(replayed.answer.full_body()["accessToken"])
    response = redirect("book-pay")
    cookies.keep_access(response, text=access)
    cookies.forget_draft(response)
    return response


def _access(booking: Booking) -> Secret:
    return Secret(
        "accessToken",
        tokens.ACCESS,
        booking.pk,
        booking.access_generation,
        booking.access_key_id,
    )


def _remember(booking: Booking) -> Answer:
    return Answer(status=302, body={"bookingId": str(booking.pk)}, secrets=(_access(booking),))


def _go_back(form: DetailsForm, wanted: Wanted) -> HttpResponse:
    facts = {
        "zip": wanted.zip_code or "",
        "signers": str(wanted.signers),
        "documents": str(wanted.documents),
        "promo": wanted.promo_code or "",
        "day": wanted.starts_at.astimezone(wanted.service.timezone).date().isoformat(),
    }
    query = urlencode({name: value for name, value in facts.items() if value})
    response = HttpResponseRedirect(f"{reverse('book-when', args=[wanted.service.slug])}?{query}")
    cookies.keep_draft(response, typed=form.typed())
    return response


def _show_new_price(
    request: HttpRequest,
    *,
    form: DetailsForm,
    state: _State,
    error: DomainError,
    now: datetime,
) -> HttpResponse:
    """Show what it costs now, to be agreed to by sending the form again."""
    wanted = state.wanted
    if isinstance(error, PromoInvalid):
        wanted = replace(wanted, promo_code=None)
    try:
        pricing = quotes.quote(
            now=now,
            is_emergency=state.claim.is_emergency if state.is_held else None,
            **wanted.facts(),
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return _show(request, form=form, state=state, now=now, status=refusal.status)
    return _show(
        request,
        form=form,
        state=replace(state, wanted=wanted, pricing=pricing),
        now=now,
        refusal=error,
    )


def _show(
    request: HttpRequest,
    *,
    form: DetailsForm,
    state: _State,
    now: datetime,
    refusal: DomainError | None = None,
    status: int = 200,
) -> HttpResponse:
    wanted, service = state.wanted, state.wanted.service
    is_other_time = wanted.starts_at != state.claim.starts_at
    ends_at = wanted.starts_at + timedelta(minutes=service.duration_minutes)
    summary = summary_of_wanted(
        wanted=wanted,
        pricing=state.pricing,
        when=appointment(wanted.starts_at, ends_at, zone=service.timezone),
    )
    problem = None
    if refusal is not None or not (state.is_held or is_other_time):
        problem = what_now(wanted=wanted, pricing=state.pricing, refusal=refusal, now=now)
    context: dict[str, Any] = {
        "service": service,
        "step": STEP,
        "form": form,
        "signer_fields": form.signer_fields(),
        "summary": summary,
        "problem": problem,
        "start": wanted.starts_at.astimezone(service.timezone).isoformat()
        if is_other_time and not (problem and problem.alternatives)
        else "",
        "promo_dropped": bool(state.claim.promo_code) and wanted.promo_code is None,
        "terms_label": terms_label(state.pricing, is_mobile=service.is_mobile),
        "hold": _hold_box(state, now=now) if state.is_held and not problem else None,
        "form_key": new_form_key(),
        "button": "Continue to payment" if state.pricing.deposit_required_cents else "Book",
    }
    return render(
        request,
        "bookings/details.html",
        context,
        status=refusal.status if refusal else status,
    )


def _hold_box(state: _State, *, now: datetime) -> HoldBox | None:
    until = state.claim.expires_at
    zone = state.wanted.service.timezone
    if until is None:
        return None
    at = clock(state.wanted.starts_at, zone=zone)
    return HoldBox.of(
        keep_text=f"We keep {at} for you until",
        ended_text=f"The time we kept for you has ended. Send the form all the same: if {at} is "
        "gone, you can pick one of the next free times, and what you typed stays here.",
        until=until,
        now=now,
        zone=zone,
    )


def _state(request: HttpRequest, *, now: datetime) -> _State | None:
    carried = carried_hold(request, now=now)
    if carried is None:
        return None
    claim = carried.claim
    service = require_service(id_or_slug=claim.service_id)
    return _State(
        token=carried.token,
        claim=claim,
        is_held=carried.is_live,
        wanted=wanted_of_claim(claim=claim, service=service),
        pricing=Pricing.from_snapshot(claim.pricing),
    )


def _no_hold(request: HttpRequest, slug: str) -> HttpResponse:
    context = {
        "title": "No time is being kept for you",
        "text": "Pick a time first; then we ask for your details. If you have just booked, your "
        "confirmation is in your mail.",
        "href": reverse("book-when", args=[slug]),
        "link_text": "Pick a time",
    }
    return render(request, "bookings/no_hold.html", context, status=404)
