"""Services for tests: plain definitions from the data files without a database, and rows."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.db.models import Model
from factory.declarations import LazyAttribute, Sequence
from factory.django import DjangoModelFactory

from services.actions.load_catalogue import CATALOGUE, rule_values, span_rows
from services.catalogue_rows import definition_from_row
from services.definitions import ServiceDefinition
from services.models import PriceRule, PromoCode, Service, ServiceIntegration
from services.models.rules import CancellationTier
from services.promos import PromoTerms


class ServiceFactory(DjangoModelFactory[Service]):
    """An online service of the simplest kind; pass `area` and `included_miles` for a mobile one."""

    class Meta:
        model = Service

    slug = Sequence(lambda number: f"service-{number}")
    name = LazyAttribute(lambda service: service.slug.replace("-", " ").title())
    description = "For a test."
    type = Service.Type.RON
    base_price_cents = 3500
    deposit_kind = Service.Deposit.FULL
    duration_minutes = 30
    wrap_up_minutes = 5
    notice_minutes = 60
    max_signers = 10
    included_documents = 1
    max_documents = 20


class PromoCodeFactory(DjangoModelFactory[PromoCode]):
    """Ten percent off everything, for ever."""

    class Meta:
        model = PromoCode

    code = Sequence(lambda number: f"CODE{number}")
    kind = PromoCode.Kind.PERCENT
    percent = Decimal(10)


def promo(**changes: Any) -> PromoTerms:
    """Give terms of ten percent without limits, changed as named."""
    terms = PromoTerms(
        code="TEST10",
        is_active=True,
        percent=Decimal(10),
        amount_cents=0,
        minimum_cents=0,
        max_discount_cents=None,
        valid_from=None,
        valid_until=None,
        max_uses=None,
        max_uses_per_customer=None,
        service_ids=frozenset(),
    )
    return replace(terms, **changes)


def standard_service(**changes: Any) -> ServiceDefinition:
    """Give the Standard Mobile Notary of the data files, changed as named."""
    return replace(service_from_data("standard-notary"), **changes)


def extended_service(**changes: Any) -> ServiceDefinition:
    """Give the Extended Hours service of the data files, changed as named."""
    return replace(service_from_data("extended-hours"), **changes)


def loan_service(**changes: Any) -> ServiceDefinition:
    """Give the Loan Signing service of the data files, changed as named."""
    return replace(service_from_data("loan-signing"), **changes)


def ron_service(**changes: Any) -> ServiceDefinition:
    """Give the online service of the data files, changed as named."""
    return replace(service_from_data("ron"), **changes)


@cache
def service_from_data(slug: str) -> ServiceDefinition:
    """Give a service as the tables would hold it, defaults included, without touching them."""
    data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    service = next(row for row in data["services"] if row["slug"] == slug)
    area = next((row for row in data["areas"] if row["slug"] == service.get("area")), None)
    skipped = ("area", "hours", "rules", "integrations")
    plain = {name: value for name, value in service.items() if name not in skipped}
    return definition_from_row(
        {
            **_defaults(Service(**plain)),
            "id": str(uuid5(NAMESPACE_URL, slug)),
            "area": area,
            "hours": span_rows(service["hours"]),
            "rules": [
                _defaults(PriceRule(**rule_values(rule)))
                for rule in service["rules"]
                if rule.get("is_active", True)
            ],
            "statutory_rates": [
                {"valid_until": None, **rate, "valid_from": rate["valid_from"].isoformat()}
                for rate in data["statutory_rates"]
            ],
            "cancellation_tiers": [
                _defaults(CancellationTier(**tier)) for tier in data["cancellation_tiers"]
            ],
            "integrations": [
                _defaults(ServiceIntegration(**row)) for row in service["integrations"]
            ],
        }
    )


def _defaults(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
