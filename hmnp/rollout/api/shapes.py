"""Bookings as V1 showed them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bookings.links import manage_url
from bookings.models import Booking
from bookings.policy import Settlement
from bookings.states import BookingStatus
from hmnp.core.money import dollars
from hmnp.rollout.lookup import v1_id_of
from hmnp.rollout.v1.statuses import in_v1_words
from services.models import Service

Json = dict[str, Any]


def status_word(booking: Booking) -> str:
    """Give the booking's status in V1's words."""
    return in_v1_words(status=BookingStatus(booking.status), cancelled_by=booking.cancelled_by)


def full_row(booking: Booking) -> Json:
    """Give V1's full row with its service; for whoever may see the booking."""
    is_paid = booking.amount_paid_cents > 0
    return {
        "id": v1_id_of(booking.pk),
        "reference": booking.reference,
        "serviceId": str(booking.service_id),
        "scheduledDateTime": iso(booking.starts_at),
        "status": status_word(booking),
        "locationType": _location_type(booking),
        "addressStreet": booking.street or None,
        "addressCity": booking.city or None,
        "addressState": booking.state or None,
        "addressZip": booking.zip_code or None,
        "customerName": booking.customer_name,
        "customerEmail": booking.customer_email,
        "customerPhone": str(booking.customer_phone) or None,
        "numberOfSigners": booking.signers,
        "numberOfDocuments": booking.documents,
        "notes": booking.special_instructions or None,
        "priceAtBooking": dollars(booking.price_cents),
        "depositAmount": dollars(booking.due_now_cents),
        "depositStatus": "COMPLETED" if is_paid else "PENDING",
        "promoCodeDiscount": dollars(booking.pricing["promo_discount_cents"]),
        "totalPaid": dollars(booking.net_paid_cents),
        "createdAt": iso(booking.created_at),
        "updatedAt": iso(booking.updated_at),
        "Service": service_row(booking.service),
    }


def reduced_row(booking: Booking) -> Json:
    """Give what anybody may know who knows the id: that it is, when, and how it stands."""
    return {
        "id": v1_id_of(booking.pk),
        "scheduledDateTime": iso(booking.starts_at),
        "status": status_word(booking),
        "Service": {"name": booking.service.name, "serviceType": _service_type(booking.service)},
    }


def service_row(service: Service) -> Json:
    """Give a service as V1 kept it."""
    return {
        "id": str(service.pk),
        "name": service.name,
        "serviceType": _service_type(service),
        "durationMinutes": service.duration_minutes,
        "basePrice": dollars(service.base_price_cents),
        "isActive": service.is_active,
        "requiresDeposit": service.deposit_kind != Service.Deposit.NONE,
    }


def _service_type(service: Service) -> str:
    return "RON_SERVICES" if service.slug == "ron" else service.slug.replace("-", "_").upper()


def _location_type(booking: Booking) -> str:
    if booking.service.type == Service.Type.RON:
        return "REMOTE_ONLINE_NOTARIZATION"
    return "CLIENT_SPECIFIED_ADDRESS"


def iso(at: datetime) -> str:
    """Write an instant as JavaScript does."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def payment_url(booking: Booking) -> str | None:
    """Give where what is due is paid; None when nothing is."""
    if not booking.amount_due_cents:
        return None
    return manage_url(booking=booking, leads_to="pay")


def created_full(booking: Booking) -> Json:
    """Answer as POST /api/bookings did."""
    return {
        "success": True,
        "booking": full_row(booking),
        "checkoutUrl": payment_url(booking),
        "paymentRequired": bool(booking.amount_due_cents),
        "depositAmount": dollars(booking.amount_due_cents),
    }


def created_short(booking: Booking) -> Json:
    """Answer as POST /api/bookings/create did."""
    return {
        "booking": {
            "id": str(booking.pk),
            "scheduledDateTime": iso(booking.starts_at),
            "status": status_word(booking),
            "service": {
                "name": booking.service.name,
                "duration": booking.service.duration_minutes,
                "price": dollars(booking.price_cents),
            },
            "customer": {"name": booking.customer_name, "email": booking.customer_email},
            "depositAmount": dollars(booking.amount_due_cents),
            "promoCode": {
                "code": booking.promo_code,
                "discountAmount": dollars(booking.pricing["promo_discount_cents"]),
            }
            if booking.promo_code
            else None,
            "location": {
                "type": _location_type(booking),
                "address": _one_line(booking) or None,
            },
        },
        "checkoutUrl": payment_url(booking),
    }


def created_head(booking: Booking) -> Json:
    """Answer as POST /api/booking/create did."""
    return {
        "success": True,
        "booking": {
            "id": str(booking.pk),
            "confirmationNumber": str(booking.pk),
            "reference": booking.reference,
            "scheduledDateTime": iso(booking.starts_at),
            "status": status_word(booking),
            "totalAmount": dollars(booking.price_cents),
            "service": {
                "name": booking.service.name,
                "serviceType": _service_type(booking.service),
            },
        },
        "checkoutUrl": payment_url(booking),
    }


def created_sync(booking: Booking) -> Json:
    """Answer as POST /api/bookings/sync did."""
    local = booking.starts_at.astimezone(booking.zone)
    return {
        "success": True,
        "message": "Booking created",
        "data": {
            "bookingId": str(booking.pk),
            "serviceName": booking.service.name,
            "servicePrice": dollars(booking.service.base_price_cents),
            "totalAmount": dollars(booking.price_cents),
            "scheduledDate": f"{local:%Y-%m-%d}",
            "scheduledTime": f"{local:%H:%M}",
            "serviceAddress": _one_line(booking),
            "status": status_word(booking),
            "paymentRequired": bool(booking.amount_due_cents),
            "paymentUrl": payment_url(booking),
            "customer": {
                "name": booking.customer_name,
                "email": booking.customer_email,
                "phone": str(booking.customer_phone) or None,
            },
        },
    }


def _one_line(booking: Booking) -> str:
    place = f"{booking.state} {booking.zip_code}".strip()
    return ", ".join(part for part in (booking.street, booking.city, place) if part)


def refund_body(settlement: Settlement, *, deadline: datetime | None) -> Json:
    """Give V1's refund calculation; V2 never keeps a processing fee."""
    return {
        "totalRefund": dollars(settlement.refund_cents),
        "cancellationFee": dollars(settlement.kept_cents),
        "netRefund": dollars(settlement.refund_cents),
        "processingFee": 0,
        "refundDeadline": iso(deadline) if deadline else None,
    }
