"""Whose booking a browser may manage: the one whose cookie it carries, for that path only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from bookings import queries
from bookings.models import Booking
from bookings.pages import cookies
from hmnp.accounts.principals import Principal
from hmnp.core.errors import NotFound, Unauthenticated
from hmnp.core.pages import page

OwnView = Callable[[HttpRequest, Booking, Principal], HttpResponse]


def own_booking(request: HttpRequest, *, booking_id: UUID) -> tuple[Booking, Principal] | None:
    """Give the booking this browser may manage and who that makes it, or None."""
    token = cookies.manage_token(request, booking_id=booking_id)
    if token is None:
        return None
    caller = cookies.customer(request, token=token)
    try:
        booking = queries.get_visible(principal=caller, booking_id=booking_id, now=timezone.now())
    except (NotFound, Unauthenticated):
        return None
    return booking, caller


def link_over(request: HttpRequest) -> HttpResponse:
    """Say that the link opens nothing; alike for wrong, old and foreign ones."""
    return render(request, "bookings/link_over.html", status=404)


def own_page(*methods: str) -> Callable[[OwnView], Callable[..., Any]]:
    """Hand the view the booking the browser may manage; without one say how to get a link."""

    def decorate(view: OwnView) -> Callable[..., Any]:
        @page(*methods)
        @wraps(view)
        def answer(request: HttpRequest, booking_id: UUID) -> HttpResponse:
            found = own_booking(request, booking_id=booking_id)
            return view(request, *found) if found else link_over(request)

        return answer

    return decorate
