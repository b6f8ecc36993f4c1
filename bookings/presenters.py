"""A booking as the contract shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bookings.actions.hold_slot import Held
from bookings.models import Booking, BookingDocument, TimelineEvent
from bookings.policy import Settlement
from bookings.quoting import Wanted, fresh_quote
from bookings.states import BookingStatus, RefundStatus
from hmnp.core.money import CURRENCY, dollars
from hmnp.core.times import rfc3339
from services.presenters import price_body
from services.pricing import Pricing


def booking_body(booking: Booking) -> dict[str, Any]:
    """Give the API's Booking, without any secret."""
    zone = booking.zone
    shown = booking.to_show()
    return {
        "id": str(booking.pk),
        "reference": booking.reference,
        "status": booking.status,
        "version": booking.version,
        "service": {
            "id": str(shown.service_id),
            "slug": shown.service_slug,
            "name": shown.service_name,
            "type": shown.service_type,
        },
        "scheduledDateTime": rfc3339(booking.starts_at, zone=zone),
        "endDateTime": rfc3339(booking.ends_at, zone=zone),
        "timezone": booking.timezone,
        "duration": int((booking.ends_at - booking.starts_at).total_seconds() // 60),
        "customer": {
            "name": booking.customer_name,
            "email": booking.customer_email,
            "phone": str(booking.customer_phone),
        },
        "address": _address(booking),
        "signers": booking.signers,
        "documents": booking.documents,
        "signerDetails": booking.signer_details,
        "specialInstructions": booking.special_instructions,
        "locale": booking.locale,
        "pricing": price_body(pricing=Pricing.from_snapshot(booking.pricing)),
        "currency": CURRENCY,
        "amountDue": dollars(booking.amount_due_cents),
        "balanceDue": dollars(booking.balance_due_cents),
        "amountPaid": dollars(booking.amount_paid_cents),
        "amountRefunded": dollars(booking.amount_refunded_cents),
        "expiresAt": rfc3339(booking.expires_at, zone=zone) if booking.expires_at else None,
        "notary": {"name": shown.notary_name} if shown.notary_name is not None else None,
        "ronSession": (
            {"url": booking.ron_join_url or None, "status": booking.ron_status}
            if booking.ron_status or booking.ron_join_url
            else None
        ),
        "createdAt": rfc3339(booking.created_at, zone=zone),
        "updatedAt": rfc3339(booking.updated_at, zone=zone),
        "cancelledAt": rfc3339(booking.cancelled_at, zone=zone) if booking.cancelled_at else None,
        "cancellation": _cancellation(booking),
    }


def etag(booking: Booking) -> str:
    """Give the entity tag of a booking: its version is all that can change."""
    return f'"{booking.pk.hex}-{booking.version}"'


def _address(booking: Booking) -> dict[str, Any] | None:
    if not booking.zip_code:
        return None
    return {
        "street": booking.street,
        "unit": booking.unit or None,
        "city": booking.city,
        "state": booking.state,
        "zip": booking.zip_code,
    }


def _cancellation(booking: Booking) -> dict[str, Any] | None:
    if booking.status != BookingStatus.CANCELLED:
        return None
    return {
        "reason": booking.cancel_reason or None,
        "cancelledBy": booking.cancelled_by,
        "tier": booking.cancel_tier,
        "fee": dollars(booking.cancel_kept_cents),
        "refundAmount": dollars(booking.cancel_refund_cents),
        "refundStatus": RefundStatus(booking.refund_status).value,
    }


def settlement_body(settlement: Settlement) -> dict[str, Any]:
    """Give what cancelling would keep and give back, named as in a cancelled booking."""
    return {
        "tier": settlement.tier,
        "label": settlement.label,
        "fee": dollars(settlement.kept_cents),
        "refundAmount": dollars(settlement.refund_cents),
        "currency": CURRENCY,
    }


def event_body(event: TimelineEvent, *, for_staff: bool) -> dict[str, Any]:
    """Give a row of the timeline; where it came from is for staff only."""
    body = {
        "action": event.action,
        "actorType": event.actor_type,
        "actorId": event.actor_id or None,
        "changes": event.changes,
        "metadata": event.metadata,
        "timestamp": rfc3339(event.at),
    }
    if for_staff:
        body |= {"ipAddress": event.ip_address, "userAgent": event.user_agent}
    return body


def held_body(
    *, held: Held, wanted: Wanted, now: datetime, server_time: datetime
) -> dict[str, Any]:
    """Give a hold, without its token; `server_time` is by the clock it ends by."""
    claim, zone = held.claim, wanted.service.timezone
    return {
        "holdId": str(claim.pk),
        "serviceId": str(claim.service_id),
        "startTime": rfc3339(claim.starts_at, zone=zone),
        "endTime": rfc3339(claim.ends_at, zone=zone),
        "expiresAt": rfc3339(claim.expires_at or now, zone=zone),
        "maxExpiresAt": rfc3339(claim.max_expires_at or now, zone=zone),
        "serverTime": rfc3339(server_time, zone=zone),
        "timezone": zone.key,
        "pricing": fresh_quote(wanted=wanted, pricing=held.pricing, now=now),
    }


def document_body(document: BookingDocument) -> dict[str, Any]:
    """Give a document's facts, never its content."""
    return {
        "documentId": str(document.pk),
        "filename": document.filename,
        "size": document.size,
        "status": document.status,
    }
