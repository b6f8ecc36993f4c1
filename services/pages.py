"""What the house sells, as pages: the list, one service, the fees set by law, the terms."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from hmnp.core.pages import page
from services import wording
from services.catalogue import active_services, get_service
from services.definitions import RateCode, ServiceDefinition
from services.errors import ServiceNotFound
from services.presenters import starting_price
from services.pricing import Pricing
from services.wording import Amount


@dataclass(frozen=True)
class ServiceCard:
    """What a card on the home page says."""

    slug: str
    name: str
    summary: str
    from_cents: int
    from_note: str
    minutes: int
    is_mobile: bool
    where: str
    when: str


@page("GET", is_personal=False)
def home(request: HttpRequest) -> HttpResponse:
    """Show every service on offer with its lowest real price."""
    now = timezone.now()
    priced = [(service, starting_price(service=service, now=now)) for service in active_services()]
    cards = [_card(service, price) for service, price in priced if price is not None]
    return render(request, "services/home.html", {"cards": cards})


@page("GET", is_personal=False)
def service(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one service: for whom, what it costs and why, when and where, what cancelling costs."""
    found = _on_offer(slug)
    price = starting_price(service=found, now=timezone.now())
    if price is None:
        raise ServiceNotFound
    rates = found.statutory_rates
    context = {
        "card": _card(found, price),
        "price": price,
        "included": wording.included(found),
        "extras": wording.extras(found),
        "bands": wording.travel_bands(found),
        "centre_zip": found.area.centre_zip if found.area else "",
        "cancelling": wording.cancelling(found),
        "due_note": wording.due_note(found),
        "notice_minutes": found.notice_minutes,
        "horizon_days": found.horizon_days,
        "first_act_cents": wording.rate_on_sale(rates, RateCode.ACT_FIRST_SIGNER),
        "further_cents": wording.rate_on_sale(rates, RateCode.ACT_FURTHER_SIGNER),
        "online_cents": wording.rate_on_sale(rates, RateCode.ONLINE_ACT),
    }
    return render(request, "services/service.html", context)


@page("GET", is_personal=False)
def fee_schedule(request: HttpRequest) -> HttpResponse:
    """Show the fees the law sets, apart from what is ours: travel, time, extra work."""
    services = active_services()
    rates = services[0].statutory_rates if services else ()
    statutory = [
        Amount(label, wording.dollars(wording.rate_on_sale(rates, code)))
        for code, label in wording.RATE_LABELS.items()
    ]
    context = {
        "statutory": statutory,
        "since": max((rate.valid_from for rate in rates), default=None),
        "services": [
            {
                "name": one.name,
                "base": wording.dollars(one.base_price_cents),
                "extras": wording.extras(one),
                "bands": wording.travel_bands(one),
            }
            # Online, every line is the law's.
            for one in services
            if one.is_mobile
        ],
    }
    return render(request, "services/fee_schedule.html", context)


@page("GET", is_personal=False)
def terms(request: HttpRequest) -> HttpResponse:
    """Show what a customer agrees to."""
    services = active_services()
    context = {
        "cancelling": [
            {"name": one.name, "lines": wording.cancelling(one), "due": wording.due_note(one)}
            for one in services
        ]
    }
    return render(request, "services/terms.html", context)


@page("GET", is_personal=False)
def privacy(request: HttpRequest) -> HttpResponse:
    """Show what is kept about a customer, and why."""
    return render(request, "services/privacy.html")


def _on_offer(slug: str) -> ServiceDefinition:
    found = get_service(id_or_slug=slug)
    if found is None or not found.is_active:
        raise ServiceNotFound
    return found


def _card(one: ServiceDefinition, price: Pricing) -> ServiceCard:
    return ServiceCard(
        slug=one.slug,
        name=one.name,
        summary=one.description,
        from_cents=price.final_price_cents,
        from_note=wording.from_note(one),
        minutes=one.duration_minutes,
        is_mobile=one.is_mobile,
        where=wording.where(one),
        when=wording.hours(one),
    )
