"""The catalogue's tables: what is sold, where, when, and for how much."""

from services.models.areas import ServiceArea, TravelBand
from services.models.law import LegalMaximum
from services.models.promos import PromoCode
from services.models.rules import CancellationTier, PriceRule, ServiceIntegration, StatutoryRate
from services.models.services import Service, ServiceHours

__all__ = [
    "CancellationTier",
    "LegalMaximum",
    "PriceRule",
    "PromoCode",
    "Service",
    "ServiceArea",
    "ServiceHours",
    "ServiceIntegration",
    "StatutoryRate",
    "TravelBand",
]
