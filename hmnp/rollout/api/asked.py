"""From a body of V1's, in any of its vocabularies, to what V2's actions take."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from bookings.quoting import Wanted
from bookings.requests import BookingRequest, CustomerDetails
from hmnp.accounts.principals import Principal
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.rollout.lookup import service_of
from hmnp.rollout.v1 import values
from hmnp.rollout.v1.times import appointment_time
from hmnp.rollout.v1.values import Row, pick, text
from services.definitions import ServiceDefinition
from services.errors import InvalidService
from services.quotes import request_faults

_EMAIL = re.compile(r"[^@\s,;<>]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def asked_booking(*, body: Row, principal: Principal, now: datetime) -> BookingRequest:
    """Read a booking as any of V1's routes took it.

    What V1 took and never kept (phone, counts, the parts of an address) is kept. Its price is not:
    V2 makes its own. Raises `ValidationFailed` with every fault at once, and `InvalidService`.
    """
    service = service_of(body)
    if service is None or not service.is_active or not principal.may_book(slug=service.slug):
        raise InvalidService(field="serviceId")
    faults: list[Fault] = []
    starts_at = asked_time(body, faults, "scheduledDateTime")
    customer, zip_code = _customer(body, service, faults)
    signers = _count(body, faults, "numberOfSigners", "booking_number_of_signers")
    documents = _count(body, faults, "numberOfDocuments", "documentCount")
    if pick(body, "consent_terms_conditions", "agreedToTerms", "termsAccepted") is False:
        faults.append(Fault("agreedToTerms", "not_accepted", "The terms must be accepted."))
    found = request_faults(
        service=service,
        starts_at=starts_at,
        zip_code=zip_code,
        signers=signers,
        documents=documents,
        now=now,
    )
    faults += [Fault(_name(fault.field), fault.code, fault.message) for fault in found]
    if faults or starts_at is None or signers is None or documents is None:
        raise ValidationFailed(*faults)
    return BookingRequest(
        wanted=Wanted(
            service=service,
            starts_at=starts_at,
            zip_code=zip_code,
            signers=signers,
            documents=documents,
            promo_code=text(body, "promoCode", most=40).upper() or None,
        ),
        customer=customer,
        partner=principal.partner,
    )


def asked_time(body: Row, faults: list[Fault], name: str) -> datetime | None:
    """Read a time: an instant, or Houston's wall clock where V1 meant that."""
    written = pick(body, name)
    if written is None and pick(body, "preferredDate") and pick(body, "preferredTime"):
        written = f"{pick(body, 'preferredDate')}T{pick(body, 'preferredTime')}"
    try:
        return appointment_time(
            written, zone=ZoneInfo(settings.BUSINESS_TIME_ZONE), naive_is_wall=True
        )
    except ValueError as error:
        faults.append(Fault(name, "invalid", f"This is {error}."))
        return None


def _customer(
    body: Row, service: ServiceDefinition, faults: list[Fault]
) -> tuple[CustomerDetails, str | None]:
    whole = text(body, "customerName", most=101)
    parts = f"{text(body, 'firstName', most=60)} {text(body, 'lastName', most=60)}".strip()
    name = whole or parts
    if not 2 <= len(name) <= 100:
        faults.append(Fault("customerName", "invalid", "Give a name of 2 to 100 characters."))
    address = text(body, "customerEmail", "email", most=255).lower()
    if not _EMAIL.fullmatch(address) or len(address) > 254:
        faults.append(Fault("customerEmail", "invalid", "Give an e-mail address."))
    written = text(body, "customerPhone", "phone", most=40)
    phone = values.e164(written)
    if written and not phone:
        faults.append(Fault("customerPhone", "invalid", "This is no phone number."))
    place = values.place(body) if service.is_mobile else values.Place("", "", "", "")
    is_remote = "REMOTE" in str(body.get("locationType") or "").upper()
    if is_remote and service.is_mobile:
        faults.append(Fault("locationType", "invalid", "This service is done in person."))
    details = CustomerDetails(
        name=name,
        email=address,
        phone=phone,
        street=place.street,
        city=place.city,
        state=place.state if service.is_mobile else "",
        special_instructions=_instructions(body),
        locale="es" if str(body.get("locale") or "").lower().startswith("es") else "en",
        sms_consent=body.get("smsNotifications") is True and bool(phone),
    )
    return details, place.zip_code or None


def _instructions(body: Row) -> str:
    company = text(body, "companyName", "company", most=80)
    referred = text(body, "referredBy", most=80)
    parts = [
        values.instructions(body),
        f"Company: {company}" if company else "",
        f"Referred by: {referred}" if referred else "",
    ]
    return " / ".join(part for part in parts if part)[:500]


def _count(body: Row, faults: list[Fault], *names: str) -> int | None:
    value = pick(body, *names)
    if value is None:
        return 1
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        faults.append(Fault(names[0], "invalid", "Give how many, at least 1."))
        return None
    return value


def _name(field: str | None) -> str | None:
    """Call a field as V1 did."""
    return {
        "zip": "addressZip",
        "signers": "numberOfSigners",
        "documents": "numberOfDocuments",
    }.get(field or "", field)
