"""V1's reads, cancellations, moves and status changes of a booking, through V2's actions.

V1 showed a booking's name, e-mail and address to whoever knew its id. Here anybody sees that it
is, when, and how it stands; the rest needs the booking's token, its partner, or staff. No GET
changes anything.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import queries
from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.actions.complete_booking import complete_booking
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.start_booking import start_booking
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.errors import InvalidStatusTransition
from bookings.models import Booking
from bookings.policy import BY_US
from hmnp.accounts.permissions import Access
from hmnp.accounts.principals import Kind, Principal, principal_of
from hmnp.core.errors import Fault, NotFound, ValidationFailed
from hmnp.core.money import dollars
from hmnp.rollout.api import shapes
from hmnp.rollout.api.asked import asked_time
from hmnp.rollout.api.base import V1ViewSet
from hmnp.rollout.lookup import booking_id_of
from hmnp.rollout.states import Capability
from hmnp.rollout.v1 import values
from hmnp.rollout.v1.statuses import CANCELLED, canonical
from hmnp.rollout.v1.values import pick, text

_READ = Access(customer=True, scope="bookings:read")
_WRITE = Access(customer=True, scope="bookings:write")
_ANYBODY = Access(anonymous=True, customer=True, scope="bookings:read")
_MOST = 100


class V1BookingViewSet(V1ViewSet):
    """The old addresses of bookings that are."""

    access = {
        "list": _READ,
        "retrieve": _ANYBODY,
        "status": _ANYBODY,
        "set_status": Access(partner=False),
        "preview": _READ,
        "cancel": _WRITE,
        "cancel_named": _WRITE,
        "reschedule": _WRITE,
    }
    capabilities = dict.fromkeys(("list", "retrieve", "status", "preview"), Capability.READS)

    def list(self, request: Request) -> HttpResponseBase:
        """Answer a page, newest first."""
        theirs = self.in_v1(request)
        if theirs is not None:
            return theirs
        page, size = _whole(request, "page", 1), min(_whole(request, "limit", 20), _MOST)
        rows = queries.visible_to(principal_of(request)).order_by("-created_at", "pk")
        wanted = request.query_params.get("status")
        if wanted:
            rows = rows.filter(status__in=_statuses(wanted))
        total = rows.count()
        found = rows[(page - 1) * size : page * size]
        return Response(
            {
                "bookings": [shapes.full_row(booking) for booking in found],
                "pagination": {
                    "page": page,
                    "limit": size,
                    "total": total,
                    "totalPages": -(-total // size),
                },
            }
        )

    def retrieve(self, request: Request, v1_id: str) -> HttpResponseBase:
        """Answer the row to who may see it, to others that it is and how it stands."""
        theirs = self._theirs(request, v1_id)
        if theirs is not None:
            return theirs
        principal = principal_of(request)
        booking = _booking(v1_id, principal)
        row = shapes.reduced_row if principal.kind is Kind.ANONYMOUS else shapes.full_row
        return Response({"success": True, "booking": row(booking)})

    def status(self, request: Request, v1_id: str) -> HttpResponseBase:
        """Answer how it stands; V1 moved it on when it was asked."""
        theirs = self._theirs(request, v1_id)
        if theirs is not None:
            return theirs
        booking = _booking(v1_id, principal_of(request))
        return Response(
            {
                "success": True,
                "bookingId": v1_id,
                "status": shapes.status_word(booking),
                "lastUpdated": shapes.iso(booking.updated_at),
            }
        )

    def set_status(self, request: Request, v1_id: str) -> Response:
        """Move it on, as far as V2 allows."""
        principal = principal_of(request)
        booking = _booking(v1_id, principal)
        before = shapes.status_word(booking)
        try:
            wanted = canonical(self.body(request).get("status"))
        except ValueError as error:
            raise ValidationFailed(Fault("status", "invalid", f"{error}.")) from None
        _go(booking, wanted, principal, reason=text(self.body(request), "notes", most=200))
        booking = _fresh(booking.pk)
        return Response(
            {
                "success": True,
                "previousStatus": before,
                "newStatus": shapes.status_word(booking),
            }
        )

    def preview(self, request: Request, v1_id: str) -> HttpResponseBase:
        """Answer what cancelling now would give back; nothing is changed."""
        theirs = self._theirs(request, v1_id)
        if theirs is not None:
            return theirs
        principal = principal_of(request)
        booking = _booking(v1_id, principal)
        settlement = preview_cancellation(
            booking=booking, actor=principal.actor, now=timezone.now()
        )
        body = shapes.refund_body(settlement, deadline=_free_until(booking))
        return Response({"success": True, "refundCalculation": body})

    def cancel(self, request: Request, v1_id: str) -> Response:
        """Cancel, and say what goes back."""
        principal = principal_of(request)
        booking = _booking(v1_id, principal)
        by_us = principal.kind is Kind.STAFF and (
            self.body(request).get("cancellationFeeWaived") is True
            or str(pick(self.body(request), "requestedBy", "initiatedBy")).upper()
            in ("STAFF", "PROVIDER")
        )
        cancelled = cancel_booking(
            booking_id=booking.pk,
            reason=text(self.body(request), "reason", most=200),
            actor=principal.actor,
            now=timezone.now(),
            by_us=by_us,
        )
        refund = cancelled.cancel_refund_cents
        return Response(
            {
                "success": True,
                "bookingId": v1_id,
                "status": shapes.status_word(cancelled),
                "refundCalculation": {
                    "totalRefund": dollars(refund),
                    "cancellationFee": dollars(cancelled.cancel_kept_cents),
                    "netRefund": dollars(refund),
                    "processingFee": 0,
                    "refundDeadline": None,
                },
            }
        )

    def cancel_named(self, request: Request) -> Response:
        """Cancel the booking the body names."""
        named = pick(self.body(request), "bookingId")
        if not isinstance(named, str):
            raise ValidationFailed(Fault("bookingId", "required", "Name the booking."))
        return self.cancel(request, named)

    def reschedule(self, request: Request, v1_id: str) -> Response:
        """Move it, by V2's rules and price."""
        principal = principal_of(request)
        booking = _booking(v1_id, principal)
        now = timezone.now()
        faults: list[Fault] = []
        starts_at = asked_time(self.body(request), faults, "newDateTime")
        if faults or starts_at is None:
            raise ValidationFailed(*faults)
        before = booking.starts_at
        moved = update_booking(
            booking_id=booking.pk,
            changes=BookingChanges(details=_new_place(self.body(request)), starts_at=starts_at),
            actor=principal.actor,
            now=now,
        )
        hours = (before - now) / timedelta(hours=1)
        return Response(
            {
                "success": True,
                "data": {
                    "bookingId": v1_id,
                    "originalDateTime": shapes.iso(before),
                    "newDateTime": shapes.iso(moved.starts_at),
                    "rescheduleFee": dollars(moved.move_fee_cents),
                    "totalAmount": dollars(moved.price_cents),
                    "hoursUntilOriginal": round(hours, 1),
                },
            }
        )

    def _theirs(self, request: Request, v1_id: str) -> HttpResponseBase | None:
        """Give V1's answer where V1 serves the reads, of what was not made here."""
        try:
            UUID(v1_id)
        except ValueError:
            return self.in_v1(request)
        return None if Booking.objects.filter(pk=v1_id).exists() else self.in_v1(request)


def _booking(v1_id: str, principal: Principal) -> Booking:
    """Give a booking the caller may see; for nobody in particular, any. Raises `NotFound`."""
    booking_id = booking_id_of(v1_id)
    if principal.kind is Kind.ANONYMOUS:
        found = queries.with_relations().filter(pk=booking_id).first()
        if found is None:
            raise NotFound
        return found
    return queries.get_visible(principal=principal, booking_id=booking_id, now=timezone.now())


def _fresh(booking_id: UUID) -> Booking:
    return queries.with_relations().get(pk=booking_id)


def _go(booking: Booking, wanted: str, principal: Principal, *, reason: str) -> None:
    now, actor = timezone.now(), principal.actor
    if wanted in CANCELLED:
        by_us = wanted == "CANCELLED_BY_STAFF"
        cancel_booking(booking_id=booking.pk, reason=reason, actor=actor, now=now, by_us=by_us)
    elif wanted == "IN_PROGRESS":
        start_booking(booking_id=booking.pk, actor=actor, now=now)
    elif wanted == "COMPLETED":
        complete_booking(booking_id=booking.pk, actor=actor, now=now)
    elif wanted == "NO_SHOW":
        mark_no_show(booking_id=booking.pk, actor=actor, now=now)
    elif wanted != shapes.status_word(booking):
        raise InvalidStatusTransition(f"A booking cannot be made {wanted} by hand.")


def _statuses(wanted: str) -> list[str]:
    from_v1 = {
        "PAYMENT_PENDING": ["PENDING_PAYMENT"],
        "CANCELLED_BY_CLIENT": ["CANCELLED", "EXPIRED"],
        "CANCELLED_BY_STAFF": ["CANCELLED"],
    }
    return from_v1.get(wanted, [wanted])


def _whole(request: Request, name: str, usual: int) -> int:
    written = request.query_params.get(name, str(usual))
    if not (written.isascii() and written.isdigit()) or not 1 <= int(written) <= 100_000:
        raise ValidationFailed(Fault(name, "invalid", "Give a whole number above 0."))
    return int(written)


def _new_place(body: Any) -> dict[str, Any]:
    """Give the fields of a new address, if the body names one."""
    wanted = pick(body, "newAddress")
    if wanted is None:
        return {}
    place = values.place({"address": wanted})
    if not place.zip_code:
        raise ValidationFailed(Fault("newAddress", "invalid", "Give the ZIP code, too."))
    return asdict(place)


def _free_until(booking: Booking) -> datetime | None:
    """Give until when nothing is kept."""
    tiers = [
        tier["min_minutes_before"]
        for tier in booking.policy["tiers"]
        if tier["code"] != BY_US and tier["kept_cents"] == 0 and tier["min_minutes_before"]
    ]
    return booking.starts_at - timedelta(minutes=min(tiers)) if tiers else None
