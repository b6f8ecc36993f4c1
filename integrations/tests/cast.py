"""Bookings for tests of this app, written straight into the tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.utils import timezone

from bookings.models import Booking, Notary
from bookings.policy import Policy
from bookings.references import new_reference
from bookings.states import BookingStatus
from services.definitions import ServiceDefinition
from services.pricing import PriceFacts, calculate_pricing

CUSTOMER = "canary.customer@example.com"
NAME = "Canary O'Customer"
PHONE = "+17135550199"
STREET = "77 Canary Lane"


def make_booking(service: ServiceDefinition, **fields: Any) -> Booking:
    """Insert a confirmed booking two days ahead, with half of it paid."""
    now = timezone.now()
    starts_at: datetime = fields.pop("starts_at", now.replace(microsecond=0) + timedelta(days=2))
    notary, _ = Notary.objects.get_or_create(
        email="nora@example.com", defaults={"name": "Nora Notary", "home_zip": "77591"}
    )
    signers, documents = fields.get("signers", 2), fields.get("documents", 6)
    pricing = calculate_pricing(
        service=service,
        facts=PriceFacts(
            starts_at=starts_at,
            judged_at=starts_at - timedelta(days=2),
            signers=signers,
            documents=documents,
            zip_code="77573" if service.is_mobile else None,
        ),
    )
    place = (
        {"street": STREET, "city": "League City", "state": "TX", "zip_code": "77573"}
        if service.is_mobile
        else {}
    )
    values: dict[str, Any] = {
        "reference": new_reference(),
        "status": BookingStatus.CONFIRMED.value,
        "service_id": service.id,
        "notary": notary,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=service.duration_minutes),
        "timezone": "America/Chicago",
        "customer_name": NAME,
        "customer_email": CUSTOMER,
        "customer_phone": PHONE,
        **place,
        "signers": signers,
        "documents": documents,
        "pricing": pricing.to_snapshot(),
        "price_cents": pricing.final_price_cents,
        "due_now_cents": pricing.deposit_required_cents,
        "amount_paid_cents": pricing.deposit_required_cents,
        "policy": Policy.of(service).to_snapshot(),
        "tier_starts_at": starts_at,
        "terms_version": "2026-11",
        "terms_accepted_at": now,
        "access_key_id": "local",
        "access_hash": "0" * 64,
        "confirmed_at": now,
        "created_at": now,
        "updated_at": now,
    }
    return Booking.objects.create(**{**values, **fields})


def open_cases() -> list[str]:
    """Name the kinds of what a person is called for; the desk's rows are another floor's."""
    cases = apps.get_model("desk", "Case")._default_manager.filter(closed_at=None)
    return sorted(cases.values_list("kind", flat=True))
