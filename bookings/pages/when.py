"""Step 2 of booking: where and when. Choosing a time holds it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings import holders
from bookings.actions.hold_slot import Held, HoldRequest, hold_slot
from bookings.claims import HOLD
from bookings.errors import (
    HoldExpired,
    HoldNotFound,
    PriceChanged,
    SlotTaken,
    SlotUnavailable,
    TooManyHolds,
)
from bookings.forms import WhereForm
from bookings.models import SlotClaim
from bookings.pages import cookies, days, prices
from bookings.pages.days import Offer
from bookings.pages.held import carried_hold
from bookings.pages.prices import Asked
from bookings.pages.refused import Problem
from bookings.pages.sent_once import sent_once
from bookings.pages.summary import summary_of_wanted
from bookings.quoting import Wanted
from hmnp.accounts.principals import anonymous
from hmnp.core import tokens
from hmnp.core.errors import DomainError
from hmnp.core.idempotency import Answer, Replayed, Secret
from hmnp.core.limits import Action, limited
from hmnp.core.pages import appointment, length, long_day, new_form_key, page, zone_name
from hmnp.core.times import local_date
from hmnp.core.tokens import Token
from services.catalogue import active_services, get_service
from services.definitions import ServiceDefinition
from services.errors import OutOfServiceArea, PromoInvalid, ServiceNotFound, UnknownZip
from services.promo_codes import normal_code
from services.wording import miles

STEP = {"number": 2, "name": "When and where"}


def offered_service(slug: str) -> ServiceDefinition:
    """Give a service that can be booked. Raises `ServiceNotFound`."""
    service = get_service(id_or_slug=slug)
    if service is None or not service.is_active:
        raise ServiceNotFound
    return service


@page("GET", "POST")
@limited(Action.HOLD)
def when(request: HttpRequest, slug: str) -> HttpResponse:
    """Show prices and free times; a time sent is held and the details are asked next."""
    service = offered_service(slug)
    now = timezone.now()
    sent = request.POST if request.method == "POST" else request.GET
    is_asked = "zip" in sent or (not service.is_mobile and "signers" in sent)
    first_look = {"signers": "1", "documents": "1"} if not service.is_mobile else None
    form = WhereForm(sent if is_asked else first_look, service=service)
    asked = _asked(form, service)
    if request.method == "POST" and asked is not None:
        return _hold(request, form=form, asked=asked, now=now)
    return _show(request, form=form, asked=asked, now=now)


def _hold(request: HttpRequest, *, form: WhereForm, asked: Asked, now: datetime) -> HttpResponse:
    service = asked.service
    starts_at = days.read_start(request.POST.get("start", ""), zone=service.timezone)
    if starts_at is None:
        problem = Problem("Pick a time", "Choose one of the free times, then continue.", [], 400)
        return _show(request, form=form, asked=asked, now=now, problem=problem)
    wanted = Wanted(**vars(asked), starts_at=starts_at)
    try:
        text = _held_token(request, wanted=wanted, now=now)
    except (SlotTaken, SlotUnavailable, TooManyHolds) as error:
        problem = _problem(error, service=service, starts_at=starts_at)
        return _show(request, form=form, asked=asked, now=now, problem=problem)
    except (OutOfServiceArea, UnknownZip, PromoInvalid) as error:
        form.refuse(_in_words(error, asked))
        return _show(request, form=form, asked=None, now=now, status=error.status)
    response = HttpResponseRedirect(reverse("book-details", args=[service.slug]))
    cookies.keep_hold_token(response, text=text)
    return response


def _held_token(request: HttpRequest, *, wanted: Wanted, now: datetime) -> str:
    """Move the hold this browser has, or take a new one when it has none that can move."""
    token = cookies.hold_token(request)
    holder = holders.holder_of(anonymous(request))
    if token is not None:
        try:
            held = hold_slot(
                request=HoldRequest(wanted=wanted, token=token), holder=holder, now=now
            )
            return holders.token_of(held.claim).text
        except (HoldExpired, HoldNotFound, PriceChanged):
            # Over, booked, or fixed by a payment: this is another wish, with a hold of its own.
            pass
    once = sent_once(request, principal=anonymous(request).key, render=_remember)
    try:
        held = hold_slot(
            request=HoldRequest(wanted=wanted), holder=holder, now=now, idempotency=once
        )
    except Replayed as replayed:
        return str(replayed.answer.full_body()["holdToken"])
    return holders.token_of(held.claim).text


def _remember(held: Held) -> Answer:
    token: Token = holders.token_of(held.claim)
    secret = Secret("holdToken", tokens.HOLD, held.claim.pk, token.generation, token.key_id)
    return Answer(status=302, body={"holdId": str(held.claim.pk)}, secrets=(secret,))


def _show(
    request: HttpRequest,
    *,
    form: WhereForm,
    asked: Asked | None,
    now: datetime,
    problem: Problem | None = None,
    status: int = 200,
) -> HttpResponse:
    service = form.service
    context: dict[str, Any] = {
        "service": service,
        "step": STEP,
        "form": form,
        "problem": problem,
        "form_key": new_form_key(),
        "hold_note": f"We keep the time for you for {length(int(HOLD.total_seconds() // 60))} "
        "while you fill in the rest.",
    }
    if asked is not None:
        try:
            context |= _offer(request, asked=asked, now=now)
        except (OutOfServiceArea, UnknownZip, PromoInvalid) as error:
            form.refuse(_in_words(error, asked))
            if isinstance(error, OutOfServiceArea):
                context["online"] = _online_service()
    if form.is_bound and form.errors and status == 200:
        status = 400 if request.method == "POST" else 200
    return render(
        request, "bookings/when.html", context, status=problem.status if problem else status
    )


def _offer(request: HttpRequest, *, asked: Asked, now: datetime) -> dict[str, Any]:
    service = asked.service
    facts = _facts(asked)

    def href(day: date) -> str:
        query = urlencode({**facts, "day": day.isoformat()})
        return f"{reverse('book-when', args=[service.slug])}?{query}"

    held = _own_hold(request, service, now=now)
    # Priced first, so that a ZIP code we do not serve is refused before times are looked for.
    tomorrow = now + timedelta(days=1)
    prices.price_times(asked=asked, starts=[tomorrow], now=now)
    found = days.offer(
        service=service,
        zip_code=asked.zip_code,
        asked_day=_asked_day(request, service),
        now=now,
        href=href,
        own_claim=held.pk if held else None,
    )
    priced = prices.price_times(
        asked=asked, starts=[slot.starts_at for slot in found.slots], now=now
    )
    extra = prices.extra_cents(priced)
    context = {
        "offer": found,
        "facts": facts,
        "zone_name": f"{zone_name(now, zone=service.timezone)} time",
        "groups": days.groups(
            slots=found.slots,
            zone=service.timezone,
            extra_cents=extra,
            chosen=held.starts_at if held else None,
        ),
    }
    if priced:
        context |= _day_summary(asked, found, priced, extra)
    return context


def _own_hold(
    request: HttpRequest, service: ServiceDefinition, *, now: datetime
) -> SlotClaim | None:
    """Give this browser's own hold while it can be moved: its time is free for its holder."""
    carried = carried_hold(request, now=now)
    if carried is None or not carried.is_live or carried.claim.booking_id is not None:
        return None
    return carried.claim if carried.claim.service_id == service.id else None


def _asked_day(request: HttpRequest, service: ServiceDefinition) -> date | None:
    """Give the day in the address, or that of the time just sent."""
    sent = days.read_start(request.POST.get("start", ""), zone=service.timezone)
    if sent is not None:
        return local_date(sent, zone=service.timezone)
    return days.read_day(request.GET.get("day", ""))


def _day_summary(
    asked: Asked, found: Offer, priced: dict[datetime, Any], extra: dict[datetime, int]
) -> dict[str, Any]:
    """Sum up the chosen day at the price of its cheapest time."""
    cheapest = min(priced, key=lambda start: priced[start].final_price_cents)
    wanted = Wanted(**vars(asked), starts_at=cheapest)
    summary = summary_of_wanted(
        wanted=wanted, pricing=priced[cheapest], when=long_day(found.chosen_day)
    )
    note = "Times marked with + cost that much more." if any(extra.values()) else ""
    return {"summary": summary, "price_note": note}


def _asked(form: WhereForm, service: ServiceDefinition) -> Asked | None:
    if not form.is_bound or not form.is_valid():
        return None
    data = form.cleaned_data
    return Asked(
        service=service,
        zip_code=data.get("zip"),
        signers=data["signers"],
        documents=data["documents"],
        promo_code=normal_code(data["promo"]) or None,
    )


def _facts(asked: Asked) -> dict[str, str]:
    facts = {
        "zip": asked.zip_code or "",
        "signers": str(asked.signers),
        "documents": str(asked.documents),
        "promo": asked.promo_code or "",
    }
    return {name: value for name, value in facts.items() if value}


def _problem(error: DomainError, *, service: ServiceDefinition, starts_at: datetime) -> Problem:
    zone = service.timezone
    ends_at = starts_at + timedelta(minutes=service.duration_minutes)
    named = appointment(starts_at, ends_at, zone=zone)
    if isinstance(error, TooManyHolds):
        return Problem("Too many times are being kept", error.message, [], error.status)
    if isinstance(error, SlotTaken):
        title, text = "This time has just been taken", f"Somebody else was faster: {named}."
    else:
        title, text = "This time cannot be booked", f"{error.message} ({named})"
    options = days.alternatives(details=error.details, zone=zone)
    return Problem(title, f"{text} Nothing has been booked or paid.", options, error.status)


def _in_words(error: DomainError, asked: Asked) -> DomainError:
    """Say kindly what is wrong with a ZIP code, with the code in it."""
    area = asked.service.area
    if isinstance(error, OutOfServiceArea) and area is not None:
        return OutOfServiceArea(
            f"{asked.zip_code} is too far away: we drive up to "
            f"{miles(area.last_served_mile)} miles from ZIP {area.centre_zip}.",
            field="zip",
        )
    if isinstance(error, UnknownZip):
        return UnknownZip(
            f"We do not know the ZIP code {asked.zip_code}. Is there a slip in it?", field="zip"
        )
    return error


def _online_service() -> ServiceDefinition | None:
    return next((one for one in active_services() if not one.is_mobile), None)
