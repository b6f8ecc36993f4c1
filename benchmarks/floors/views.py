"""Bare views: no middleware, no rules, no limits, nothing checked."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse

from benchmarks.floors.data import DESTINATIONS, PRICING, SLOTS
from benchmarks.floors.models import Audit, Booking, Claim, Outbox, Payment


def hello(request: HttpRequest) -> HttpResponse:
    """Say hello."""
    return HttpResponse(b"hello")


def ten_kb(request: HttpRequest) -> HttpResponse:
    """Answer ten kilobytes of JSON, written anew each time."""
    return JsonResponse(SLOTS)


def transaction_(request: HttpRequest) -> HttpResponse:
    """Write the least booking there is: dead holds away, claim, booking, payment, jobs, audit."""
    asked = json.loads(request.body)
    starts_at = datetime.fromisoformat(asked["startTime"])
    notary_id = asked["notary"]
    with transaction.atomic():
        Claim.objects.filter(notary_id=notary_id, state="HELD", expires_at__lte=Now()).delete()
        claim = Claim.objects.create(
            notary_id=notary_id,
            state="BOOKED",
            period=(starts_at, starts_at + timedelta(minutes=35)),
        )
        booking = Booking.objects.create(
            claim=claim,
            customer_name=asked["customerName"],
            customer_email=asked["customerEmail"],
            price_cents=3500,
            pricing=PRICING,
            status="PENDING_PAYMENT",
        )
        Payment.objects.create(booking=booking, amount_cents=3500, status="CREATED")
        Outbox.objects.bulk_create(
            Outbox(booking=booking, destination=name) for name in DESTINATIONS
        )
        Audit.objects.create(booking=booking, action="created", changes={})
    return JsonResponse({"id": str(booking.pk)}, status=201)
