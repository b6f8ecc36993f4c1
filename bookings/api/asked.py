"""From a request's body to what an action takes, with every fault found at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bookings import holders
from bookings.actions.hold_slot import HoldRequest
from bookings.actions.update_booking import BookingChanges
from bookings.api.serializers import (
    BookingCreateSerializer,
    BookingPatchSerializer,
    CustomerSerializer,
    HoldSerializer,
)
from bookings.models import Booking
from bookings.quoting import Wanted
from bookings.requests import BookingRequest, CustomerDetails
from bookings.schedules import Schedules, load_around
from hmnp.accounts.principals import Principal
from hmnp.core.api.validation import read
from hmnp.core.errors import DomainError, Fault, ValidationFailed
from services.catalogue import get_service, require_service
from services.definitions import ServiceDefinition
from services.errors import InvalidService
from services.quotes import FARTHEST, request_faults


@contextmanager
def naming(names: Mapping[str, str]) -> Iterator[None]:
    """Let a refusal name its field as this endpoint does."""
    try:
        yield
    except DomainError as error:
        error.field = names.get(error.field or "", error.field)
        raise


def offered_service(
    values: Mapping[str, Any],
    faults: list[Fault],
    *,
    principal: Principal,
    service: ServiceDefinition | None,
) -> ServiceDefinition | None:
    """Give the `service` that `serviceId` names, if it is active and the caller may book it.

    Raises `InvalidService` when that is the only fault; else adds it to `faults`.
    """
    if "serviceId" not in values:
        return None
    if service is not None and service.is_active and principal.may_book(slug=service.slug):
        return service
    if not faults:
        raise InvalidService(field="serviceId")
    faults.append(Fault("serviceId", InvalidService.code, InvalidService.message))
    return None


def _look(
    values: Mapping[str, Any], *, starts_at: datetime | None, now: datetime
) -> tuple[ServiceDefinition | None, Schedules | None]:
    """Give the service asked for and, with a start in reach, what decides about it."""
    name = values.get("serviceId")
    if name is None:
        return None, None
    if starts_at is None or not now < starts_at <= now + FARTHEST:
        return get_service(id_or_slug=name), None
    return load_around(id_or_slug=name, starts_at=starts_at)


def asked_hold(*, body: Any, principal: Principal, now: datetime) -> HoldRequest:
    """Read the body of a hold. Raises `ValidationFailed`, `InvalidService`, `HoldNotFound`."""
    values, faults = read(HoldSerializer, body)
    known, seen = _look(values, starts_at=values.get("startTime"), now=now)
    service = offered_service(values, faults, principal=principal, service=known)
    address = values.get("address")
    if address and "zip" in values:
        faults.append(Fault("zip", "not_accepted", "Give the address or the ZIP code, not both."))
    zip_code = address["zip"] if address else values.get("zip")
    if service is not None:
        faults += _substance(
            service,
            starts_at=values.get("startTime"),
            zip_code=zip_code,
            values=values,
            names={"scheduledDateTime": "startTime", "zip": "address" if address else "zip"},
            known=faults,
            now=now,
        )
    if service is None or faults:
        raise ValidationFailed(*faults)
    token = values.get("holdToken")
    return HoldRequest(
        wanted=Wanted(
            service=service,
            starts_at=values["startTime"],
            zip_code=zip_code,
            signers=values["signers"],
            documents=values["documents"],
            promo_code=_promo(values),
        ),
        quote_token=values.get("quoteToken"),
        token=holders.verify_hold_token(text=token) if token else None,
        seen=None if token else seen,
    )


def asked_booking(*, body: Any, principal: Principal, now: datetime) -> BookingRequest:
    """Read the body of a booking. Raises `ValidationFailed`, `InvalidService`, `HoldNotFound`."""
    values, faults = read(BookingCreateSerializer, body)
    # A hold's calendar is not looked at before it is locked.
    starts_at = values.get("scheduledDateTime") if "holdToken" not in values else None
    known, seen = _look(values, starts_at=starts_at, now=now)
    service = offered_service(values, faults, principal=principal, service=known)
    missing = [name for name in ("holdId", "holdToken") if name not in body]
    if len(missing) == 1:
        faults.append(Fault(missing[0], "required", "A hold is named by its id and its token."))
    address = values.get("address")
    if service is not None:
        faults += _substance(
            service,
            starts_at=values.get("scheduledDateTime"),
            zip_code=address["zip"] if address else None,
            values=values,
            names={"zip": "address"},
            known=faults,
            now=now,
        )
    faults += _people_faults(signers=values.get("signers"), details=values.get("signerDetails", ()))
    if service is None or faults:
        raise ValidationFailed(*faults)
    token = None
    if "holdToken" in values:
        token = holders.verify_hold_token(text=values["holdToken"], claim_id=values["holdId"])
    return BookingRequest(
        wanted=Wanted(
            service=service,
            starts_at=values["scheduledDateTime"],
            zip_code=address["zip"] if address else None,
            signers=values["signers"],
            documents=values["documents"],
            promo_code=_promo(values),
        ),
        customer=CustomerDetails(
            name=values["customerName"],
            email=values["customerEmail"],
            phone=values["customerPhone"],
            street=(address or {}).get("street", ""),
            unit=(address or {}).get("unit", ""),
            city=(address or {}).get("city", ""),
            state=(address or {}).get("state", ""),
            signer_details=list(values["signerDetails"]),
            special_instructions=values["specialInstructions"],
            locale=str(values["locale"]),
            sms_consent=values["smsConsent"],
        ),
        token=token,
        quote_token=values.get("quoteToken"),
        expected_cents=values.get("expectedFinalPrice"),
        payment_intent_id=values.get("paymentIntentId"),
        partner=principal.partner,
        seen=seen,
    )


def asked_changes(*, body: Any, booking: Booking, is_whole: bool, now: datetime) -> BookingChanges:
    """Read a PUT (`is_whole`) or PATCH body against the booking. Raises `ValidationFailed`."""
    values, faults = read(CustomerSerializer if is_whole else BookingPatchSerializer, body)
    service = require_service(id_or_slug=booking.service_id)
    address = values.get("address")
    starts_at: datetime | None = values.get("scheduledDateTime")
    if starts_at == booking.starts_at:
        starts_at = None
    zip_code = address["zip"] if address else (booking.zip_code or None)
    if is_whole and not address:
        zip_code = None
    faults += _substance(
        service,
        starts_at=starts_at,
        zip_code=zip_code,
        values=values,
        names={"zip": "address"},
        known=faults,
        now=now,
    )
    faults += _people_faults(
        signers=values.get("signers", booking.signers),
        details=values.get("signerDetails", booking.signer_details),
    )
    if faults:
        raise ValidationFailed(*faults)
    return BookingChanges(
        details=_details(values),
        starts_at=starts_at,
        signers=values.get("signers"),
        documents=values.get("documents"),
    )


def _details(values: Mapping[str, Any]) -> dict[str, Any]:
    named = {
        "customer_name": "customerName",
        "customer_email": "customerEmail",
        "customer_phone": "customerPhone",
        "special_instructions": "specialInstructions",
        "signer_details": "signerDetails",
    }
    details = {field: values[name] for field, name in named.items() if name in values}
    if address := values.get("address"):
        details |= {
            "street": address["street"],
            "unit": address.get("unit", ""),
            "city": address["city"],
            "state": address["state"],
            "zip_code": address["zip"],
        }
    return details


def _substance(
    service: ServiceDefinition,
    *,
    starts_at: datetime | None,
    zip_code: str | None,
    values: Mapping[str, Any],
    names: Mapping[str, str],
    known: list[Fault],
    now: datetime,
) -> list[Fault]:
    """List what is wrong for this service, under the names the endpoint uses, once per field."""
    faulty = {str(fault.field).split(".")[0] for fault in known}
    found = request_faults(
        service=service,
        starts_at=starts_at,
        zip_code=zip_code,
        signers=values.get("signers"),
        documents=values.get("documents"),
        now=now,
    )
    renamed = [
        Fault(names.get(fault.field or "", fault.field), fault.code, fault.message)
        for fault in found
    ]
    return [fault for fault in renamed if str(fault.field) not in faulty]


def _people_faults(*, signers: int | None, details: Sequence[Any]) -> list[Fault]:
    if signers is None or len(details) <= signers:
        return []
    return [Fault("signerDetails", "too_many", "More people than signers.")]


def _promo(values: Mapping[str, Any]) -> str | None:
    return str(values.get("promoCode", "")).upper() or None
