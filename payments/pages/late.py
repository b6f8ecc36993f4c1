"""Money came when its time was gone: the customer chooses another time, or has it all back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings import wording
from bookings.courtesy import courtesy_holds
from bookings.errors import HoldExpired, InvalidStatusTransition
from bookings.links import manage_path
from bookings.models import Booking
from bookings.pages.hold_box import HoldBox
from bookings.pages.own import own_page
from bookings.states import BookingStatus
from hmnp.accounts.principals import Principal
from hmnp.core.money import show
from hmnp.core.pages import clock, long_day, times, zone_name
from payments.actions.choose_late_alternative import choose_late_alternative
from payments.actions.decline_late_alternative import decline_late_alternative
from payments.models import LateChoice
from payments.states import STANDING_BOOKINGS, LateChoiceState


@own_page("GET", "POST")
def choose(request: HttpRequest, booking: Booking, caller: Principal) -> HttpResponse:
    """Show the times we keep; take one, or give the money back, when that is sent."""
    now = timezone.now()
    if booking.status in STANDING_BOOKINGS:
        return _chosen(booking)
    choice = LateChoice.objects.select_related("payment").filter(booking=booking).first()
    if not is_open(choice, now=now) or choice is None:
        return _over(request, booking, choice)
    if request.method != "POST":
        return _choices(request, booking, choice, problem="", now=now)
    if "back" in request.POST:
        decline_late_alternative(choice_id=choice.pk, now=now)
        return HttpResponseRedirect(reverse("manage-late", args=[booking.pk]))
    claim_id = _uuid(request.POST.get("time", ""))
    if claim_id is None:
        problem = "Please choose one of the times."
        return _choices(request, booking, choice, problem=problem, now=now)
    try:
        choose_late_alternative(choice_id=choice.pk, claim_id=claim_id, actor=caller.actor, now=now)
    except InvalidStatusTransition:
        # Sent twice: the first one has done it.
        return HttpResponseRedirect(reverse("manage-late", args=[booking.pk]))
    except HoldExpired:
        choice.refresh_from_db()
        if not is_open(choice, now=now):
            return _over(request, booking, choice)
        problem = "That time is not kept any more."
        return _choices(request, booking, choice, problem=problem, now=now)
    return _chosen(booking)


def is_open(choice: LateChoice | None, *, now: datetime) -> bool:
    """Tell whether the customer may still choose."""
    return choice is not None and choice.state == LateChoiceState.OPEN and choice.expires_at > now


def _chosen(booking: Booking) -> HttpResponse:
    return HttpResponseRedirect(f"{manage_path(booking=booking)}?done=chosen")


def _choices(
    request: HttpRequest, booking: Booking, choice: LateChoice, *, problem: str, now: datetime
) -> HttpResponse:
    until, zone = choice.expires_at, booking.zone
    context = {
        "booking": booking,
        "service_name": booking.service.name,
        "lost": wording.when(booking),
        "place": wording.place(booking),
        "amount_cents": choice.payment.amount_captured_cents,
        "price_cents": booking.price_cents,
        "until": f"{clock(until, zone=zone)} {zone_name(until, zone=zone)}",
        "hold": HoldBox.of(
            keep_text="We keep these times for you until",
            ended_text="The time to choose has ended; all of your money goes back to your card.",
            until=until,
            now=now,
            zone=zone,
        ),
        "options": [
            {
                "value": str(claim.pk),
                "day": long_day(claim.starts_at.astimezone(zone).date()),
                "times": times(claim.starts_at, claim.ends_at, zone=zone),
            }
            for claim in courtesy_holds(booking_id=booking.pk)
        ],
        "problem": problem,
        "here": reverse("manage-late", args=[booking.pk]),
        "manage_href": manage_path(booking=booking),
    }
    return render(request, "payments/late_choice.html", context, status=400 if problem else 200)


def _over(request: HttpRequest, booking: Booking, choice: LateChoice | None) -> HttpResponse:
    """Say that there is nothing to choose (any more), and where the money is."""
    amount = show(choice.payment.amount_captured_cents) if choice else ""
    match choice.state if choice else None:
        case None:
            title, texts = "There is no time to choose here", ["Nothing is kept for this booking."]
        case LateChoiceState.DECLINED:
            title = "Your money is on its way back"
            texts = [
                f"{amount} goes back to your card. Your bank may take 5 to 10 days to show it."
            ]
        case _:
            title = "The time to choose has ended"
            texts = [
                f"Your {amount} is on its way back to your card, all of it. Your bank may take "
                "5 to 10 days to show it."
            ]
    is_late = choice is not None and choice.state != LateChoiceState.DECLINED
    status = 404 if choice is None else 410 if is_late and request.method == "POST" else 200
    context = {
        "title": title,
        "texts": texts,
        "href": reverse("book-when", args=[booking.service.slug])
        if booking.status == BookingStatus.EXPIRED
        else "",
        "link_text": "Book a new time",
    }
    return render(request, "payments/over.html", context, status=status)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
