"""What must hold of every calendar at any moment, asked of the tables and judged by the oracle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bookings.models import Booking, Notary, SlotClaim
from bookings.states import LIVE_CLAIM_STATES, LIVE_STATUSES, BookingStatus
from bookings.tests import oracle
from bookings.tests.oracle import PlainJob

_LIVE = [state.value for state in LIVE_CLAIM_STATES]


def check_calendars() -> None:
    """Assert that every notary can do all that is claimed, and that every period says so."""
    for notary in Notary.objects.all():
        claims = list(
            SlotClaim.objects.filter(notary=notary, state__in=_LIVE).order_by("starts_at")
        )
        jobs = [
            PlainJob(
                start=claim.starts_at,
                minutes=int((claim.ends_at - claim.starts_at).total_seconds() // 60),
                wrap_up=claim.wrap_up_minutes,
                place=claim.place_zip,
            )
            for claim in claims
        ]
        assert oracle.can_be_driven(notary.home_zip, jobs), (notary.home_zip, jobs)
        for claim, (previous, job) in zip(claims, oracle.in_order(jobs), strict=True):
            drive = oracle.inbound(job, previous, notary.home_zip)
            assert claim.period.lower == claim.starts_at - timedelta(minutes=drive)
            assert claim.period.upper == claim.ends_at + timedelta(minutes=claim.wrap_up_minutes)


def check_bookings() -> None:
    """Assert that every live booking has its time, and that no other has one."""
    for booking in Booking.objects.all():
        claims = list(SlotClaim.objects.filter(booking=booking, state__in=_LIVE))
        if booking.status in (*LIVE_STATUSES, BookingStatus.COMPLETED):
            (claim,) = claims
            assert claim.notary_id == booking.notary_id
            assert (claim.starts_at, claim.ends_at) == (booking.starts_at, booking.ends_at)
            assert claim.customer_zip == booking.zip_code
            assert claim.pricing["final_price_cents"] == booking.price_cents
            is_waiting = booking.status == BookingStatus.PENDING_PAYMENT
            assert (claim.expires_at == booking.expires_at) or not is_waiting
            assert claim.state == ("PAYING" if is_waiting else "BOOKED")
        else:
            assert claims == []


def snapshot() -> list[Any]:
    """Give every row that a refusal must leave alone."""
    claims = SlotClaim.objects.order_by("pk").values_list(
        "pk", "state", "notary_id", "starts_at", "customer_zip", "booking_id", "expires_at"
    )
    bookings = Booking.objects.order_by("pk").values_list("pk", "status", "version", "notary_id")
    return [*claims, *bookings]
