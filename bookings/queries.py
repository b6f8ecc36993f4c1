"""Reads of bookings: who may see which, in one place."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from bookings.models import Booking
from hmnp.accounts.principals import Kind, Principal
from hmnp.core.errors import NotFound, Unauthenticated
from hmnp.core.tokens import Token

# A customer's token outlives the appointment by this.
ACCESS_LIFETIME = timedelta(days=30)


def with_relations() -> QuerySet[Booking]:
    """Give all bookings with what the contract shows of their service and notary."""
    return Booking.objects.select_related("service", "notary")


def visible_to(principal: Principal) -> QuerySet[Booking]:
    """Give the bookings a caller may see: staff all, a partner its own, a customer its one."""
    bookings = with_relations()
    match principal.kind:
        case Kind.STAFF:
            return bookings
        case Kind.PARTNER:
            return bookings.filter(partner=principal.partner)
        case Kind.CUSTOMER if principal.token:
            return bookings.filter(
                pk=principal.token.subject_id, access_generation=principal.token.generation
            )
        case _:
            return bookings.none()


def get_visible(*, principal: Principal, booking_id: UUID, now: datetime) -> Booking:
    """Give one booking the caller may see.

    Raises `Unauthenticated` without credentials or with a customer's token that was revoked or
    has ended, `NotFound` for everything else, so that foreign and random ids read alike.
    """
    if principal.kind is Kind.ANONYMOUS:
        raise Unauthenticated
    if principal.token is not None:
        check_access(token=principal.token, now=now)
    booking = visible_to(principal).filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    return booking


def check_access(*, token: Token, now: datetime) -> Booking:
    """Give the booking a customer's or manage token opens. Raises `Unauthenticated`."""
    booking = with_relations().filter(pk=token.subject_id).first()
    if (
        booking is None
        or booking.access_generation != token.generation
        or now >= booking.ends_at + ACCESS_LIFETIME
    ):
        raise Unauthenticated
    return booking
