"""A booking's page: all of it in one place, and the steps that may be taken next."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone

from bookings import locks, wording
from bookings.booking_admin import STATUS_WORDS
from bookings.models import Booking, Notary
from bookings.models.booking import DocumentStatus
from bookings.pages.summary import counts, price_of_booking
from bookings.session_readiness import missing
from bookings.states import LIVE_STATUSES, BookingStatus
from hmnp.core.errors import DomainError
from hmnp.core.pages import clock, length
from hmnp.desk.booking_steps import steps_for
from hmnp.desk.models import Case
from hmnp.desk.money_page import outstanding_deeds
from hmnp.desk.outside_page import held_rows, message_rows
from hmnp.desk.people import names_of
from hmnp.desk.reach import Reach, reach_of
from hmnp.desk.timeline_words import told
from integrations.states import JobState
from payments.models import Dispute, Payment, Refund
from payments.stripe_pages import dispute_page, payment_page
from services.catalogue import require_service


def booking(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show a booking; what is done to it has pages of its own."""
    if request.method not in ("GET", "HEAD"):
        # No form of ours is sent here: a raw field is never set.
        if request.method == "POST":
            raise PermissionDenied
        return HttpResponseNotAllowed(["GET"])
    reach = reach_of(request.user)
    found = within_reach(reach, booking_id)
    now = timezone.now()
    return render(
        request,
        "desk/booking.html",
        {**admin.site.each_context(request), **_context(request, found, reach, now)},
    )


def within_reach(reach: Reach, booking_id: UUID) -> Booking:
    """Give a booking this person may see; everybody else's is not found."""
    found = (
        reach.bookings()
        .select_related("service", "notary", "partner")
        .filter(pk=booking_id)
        .first()
    )
    if found is None:
        raise Http404
    return found


def _context(request: HttpRequest, booking: Booking, reach: Reach, now: datetime) -> dict[str, Any]:
    service = require_service(id_or_slug=booking.service_id)
    sees_money = request.user.has_perm("payments.view_payment")
    sees_outside = request.user.has_perm("integrations.view_outboxjob")
    context: dict[str, Any] = {
        "title": booking.reference,
        "subtitle": "Booking",
        "booking": booking,
        "status": STATUS_WORDS[BookingStatus(booking.status)],
        "steps": steps_for(booking=booking, reach=reach, now=now),
        "when": wording.when(booking),
        "place": wording.place(booking),
        "counts": counts(booking.signers, booking.documents, is_mobile=service.is_mobile),
        "is_mobile": service.is_mobile,
        "miles": booking.pricing.get("distance_miles"),
        "drive": _drive(booking),
        "price": price_of_booking(booking=booking, service=service),
        "missing": [one.value.replace("_", " ") for one in missing(booking=booking)]
        if booking.status in LIVE_STATUSES
        else [],
        "files": list(booking.files.filter(status=DocumentStatus.STORED).order_by("uploaded_at"))
        if not service.is_mobile
        else [],
        "timeline": told(
            booking.timeline.order_by("-id"),
            zone=booking.zone,
            notaries=dict(Notary.objects.values_list("pk", "name")),
        ),
        "reach": reach,
        "sees_money": sees_money,
        "sees_outside": sees_outside,
    }
    if reach.is_all:
        context["cases"] = list(Case.objects.filter(booking_id=booking.pk, closed_at__isnull=True))
    if sees_money:
        context |= _money(booking, request)
    if sees_outside:
        held, messages_sent = held_rows(booking), message_rows(booking)
        jobs = [row["held"].job for row in held] + [row["job"] for row in messages_sent]
        context |= {
            "systems": held,
            "messages_sent": messages_sent,
            "dead": sum(1 for job in jobs if job is not None and job.state == JobState.DEAD),
            "may_replay": request.user.has_perm("integrations.change_outboxjob"),
        }
    return context


def _drive(booking: Booking) -> str:
    """Say when the notary leaves and for how long, while the time is taken."""
    claim = locks.live_claim_of(booking_id=booking.pk)
    if claim is None or booking.status not in LIVE_STATUSES:
        return ""
    minutes = int((claim.starts_at - claim.period.lower).total_seconds() // 60)
    if not minutes:
        return ""
    return f"leaves at {clock(claim.period.lower, zone=booking.zone)}, {length(minutes)} drive"


def _money(booking: Booking, request: HttpRequest) -> dict[str, Any]:
    payments = list(Payment.objects.filter(booking=booking).order_by("created_at"))
    refunds = list(Refund.objects.filter(payment__in=payments).order_by("requested_at"))
    disputes = list(Dispute.objects.filter(payment__in=payments))
    actors = [one.recorded_by for one in payments] + [one.recorded_by for one in refunds]
    names = names_of((one.partition(":")[0], one.partition(":")[2]) for one in actors if one)
    who = {f"{kind}:{one}": name for (kind, one), name in names.items()}
    return {
        "payments": [
            {
                "row": row,
                "who": who.get(row.recorded_by, ""),
                "page": payment_page(row.provider_intent_id),
            }
            for row in payments
        ],
        "refunds": [{"row": row, "who": who.get(row.recorded_by, "")} for row in refunds],
        "disputes": [
            {"row": row, "page": dispute_page(row.provider_dispute_id)} for row in disputes
        ],
        "money_deeds": outstanding_deeds(request, booking),
    }


def say_refusal(request: HttpRequest, booking_id: UUID, error: DomainError) -> None:
    """Tell why nothing was done, and how the booking stands now."""
    status = Booking.objects.filter(pk=booking_id).values_list("status", flat=True).first()
    words = STATUS_WORDS[BookingStatus(status)][1].lower() if status else "gone"
    messages.error(request, f"{error.message} Nothing was changed; the booking is {words} now.")
