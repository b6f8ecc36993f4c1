"""Addresses that customers are given, each built in this one place."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from bookings.models import Booking, Notary
from hmnp.core import tokens


def manage_path(*, booking: Booking) -> str:
    """Give the path of the page where a booking is read, moved and cancelled; no secret in it."""
    return f"/manage/{booking.id}"


def manage_url(*, booking: Booking, leads_to: str = "") -> str:
    """Give the signed address of the manage page, for a mail; `leads_to` one of its own pages.

    The token has a purpose of its own, so a mailed link cannot be used at the API. It ends when
    the booking's `access_generation` is raised.
    """
    token = tokens.derive(
        purpose=tokens.MANAGE, subject_id=booking.id, generation=booking.access_generation
    )
    base = settings.PUBLIC_BASE_URL.rstrip("/")
    then = f"&next={leads_to}" if leads_to else ""
    return f"{base}{manage_path(booking=booking)}?token={token.text}{then}"


def staff_url(*, booking: Booking) -> str:
    """Give the address of a booking's page for staff, who must sign in; no secret in it."""
    path = reverse("admin:bookings_booking_change", args=[booking.pk])
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}{path}"


def feed_url(*, notary: Notary) -> str:
    """Give the secret address of a notary's calendar feed."""
    base = settings.PUBLIC_BASE_URL.rstrip("/")
    return f"{base}{reverse('notary-feed', args=[notary.feed_secret])}"
