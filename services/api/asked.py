"""From a request to what is asked for: every fault of the query or body found at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hmnp.accounts.principals import Principal
from hmnp.core.errors import Fault, ValidationFailed
from services.catalogue import look
from services.definitions import ServiceDefinition
from services.errors import InvalidService
from services.quotes import request_faults


@dataclass(frozen=True)
class Asked:
    """One price as asked for, the catalogue being at `version`; `place_field` is where its ZIP
    code stood.
    """

    service: ServiceDefinition
    version: int
    starts_at: datetime
    zip_code: str | None
    signers: int
    documents: int
    promo_code: str | None
    place_field: str


def asked_price(
    *,
    values: Mapping[str, Any],
    faults: list[Fault],
    principal: Principal,
    now: datetime,
) -> Asked:
    """Read a request for a price, of which the form was read before.

    Raises `ValidationFailed` with every fault, of form and of substance, and `InvalidService`
    when the service is the only one.
    """
    service = None
    catalogue = look().catalogue
    if "serviceId" in values:
        service = catalogue.find(values["serviceId"])
        is_offered = service and service.is_active and principal.may_book(slug=service.slug)
        if not is_offered:
            if not faults:
                raise InvalidService(field="serviceId")
            faults.append(Fault("serviceId", InvalidService.code, InvalidService.message))
            service = None
    if service is not None:
        faults += _substance(service, values, known={fault.field for fault in faults}, now=now)
    if service is None or faults:
        raise ValidationFailed(*faults)
    address = values.get("address")
    return Asked(
        service=service,
        version=catalogue.version,
        starts_at=values["scheduledDateTime"],
        zip_code=address["zip"] if address else values.get("zip"),
        signers=values["signers"],
        documents=values["documents"],
        promo_code=values.get("promoCode") or None,
        place_field="address.zip" if address else "zip",
    )


def _substance(
    service: ServiceDefinition,
    values: Mapping[str, Any],
    *,
    known: set[str | None],
    now: datetime,
) -> list[Fault]:
    """List what is wrong for this service with the values whose form is right."""
    address = values.get("address")
    found = request_faults(
        service=service,
        starts_at=values.get("scheduledDateTime"),
        zip_code=address["zip"] if address else values.get("zip"),
        signers=values.get("signers"),
        documents=values.get("documents"),
        now=now,
    )
    place = "address" if address else "zip"
    is_place_known = any(str(field).startswith(("zip", "address")) for field in known)
    faults = [
        Fault(place if fault.field == "zip" else fault.field, fault.code, fault.message)
        for fault in found
        if not (fault.field == "zip" and is_place_known)
    ]
    if address and "zip" in values:
        faults.append(Fault("zip", "not_accepted", "Give the address or the ZIP code, not both."))
    return faults
