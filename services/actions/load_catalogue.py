"""Put the catalogue's data files into the tables."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from django.db import models

from hmnp.core import transactions
from services.models import (
    CancellationTier,
    LegalMaximum,
    PriceRule,
    PromoCode,
    Service,
    ServiceArea,
    ServiceHours,
    ServiceIntegration,
    StatutoryRate,
    TravelBand,
)

DATA = Path(__file__).resolve().parent.parent / "data"
CATALOGUE = DATA / "catalogue.toml"
DEMO = DATA / "demo.toml"

Row = dict[str, Any]
M = TypeVar("M", bound=models.Model)

INSERTED = "inserted"
OVERWRITTEN = "overwritten"
KEPT = "kept"


class _Loader:
    """One run; a row that is there is staff's, and written only when `is_overwriting`."""

    def __init__(self, *, is_overwriting: bool) -> None:
        self.is_overwriting = is_overwriting
        self.counts: Counter[str] = Counter()

    def put(self, model: type[M], *, key: Row, values: Row) -> tuple[M, str]:
        """Give the row, and whether it was `INSERTED`, `OVERWRITTEN` or `KEPT`."""
        row = model._default_manager.filter(**key).first()
        what = OVERWRITTEN if self.is_overwriting else KEPT
        if row is None:
            row, what = model._default_manager.create(**key, **values), INSERTED
        elif self.is_overwriting:
            for name, value in values.items():
                setattr(row, name, value)
            row.save(update_fields=list(values))
        self.counts[f"{model._meta.verbose_name_plural} {what}"] += 1
        return row, what

    def area(self, data: Row) -> None:
        bands = data.pop("bands")
        area, what = self.put(ServiceArea, key={"slug": data.pop("slug")}, values=data)
        if what == KEPT:
            return
        if what == OVERWRITTEN:
            area.bands.all().delete()
        _save(TravelBand(area=area, **band) for band in bands)

    def service(self, data: Row, *, tiers: list[Row]) -> None:
        """Put a service with all that hangs on it; what staff took away stays away."""
        hours, rules, integrations = (data.pop(key) for key in ("hours", "rules", "integrations"))
        if "area" in data:
            data["area"] = ServiceArea.objects.get(slug=data["area"])
        service, what = self.put(Service, key={"slug": data.pop("slug")}, values=data)
        if what == KEPT:
            return
        if what == OVERWRITTEN:
            for model in (ServiceHours, PriceRule, CancellationTier, ServiceIntegration):
                model.objects.filter(service=service).delete()
        _save(ServiceHours(service=service, **span) for span in span_rows(hours))
        _save(PriceRule(service=service, **rule_values(rule)) for rule in rules)
        _save(CancellationTier(service=service, **tier) for tier in tiers)
        _save(ServiceIntegration(service=service, **one) for one in integrations)

    def fee(self, model: type[LegalMaximum | StatutoryRate], data: Row) -> None:
        key = {"code": data.pop("code"), "valid_from": data.pop("valid_from")}
        self.put(model, key=key, values=data)

    def promo_code(self, data: Row) -> None:
        slugs = data.pop("services", [])
        promo, what = self.put(PromoCode, key={"code": data.pop("code")}, values=data)
        if what == OVERWRITTEN or (what == INSERTED and slugs):
            promo.services.set(Service.objects.filter(slug__in=slugs))


def load_catalogue(*, is_overwriting: bool = False, with_demo: bool = False) -> Counter[str]:
    """Insert what the data files have and the tables lack; give how many rows of each kind.

    What is there already is left as staff edited it, unless `is_overwriting`: then the rows, and
    all that hangs on them, are written anew; what the files do not name (an id, whether a service
    is active, the uses of a promo code) stays. `with_demo` also loads the demo promo codes. All or
    nothing.
    """

    def work() -> Counter[str]:
        loader = _Loader(is_overwriting=is_overwriting)
        data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
        for area in data["areas"]:
            loader.area(area)
        for maximum in data["legal_maxima"]:
            loader.fee(LegalMaximum, maximum)
        for rate in data["statutory_rates"]:
            loader.fee(StatutoryRate, rate)
        for service in data["services"]:
            loader.service(service, tiers=data["cancellation_tiers"])
        if with_demo:
            for promo in tomllib.loads(DEMO.read_text(encoding="utf-8"))["promo_codes"]:
                loader.promo_code(promo)
        return loader.counts

    return transactions.run(work)


def _save(rows: Iterable[models.Model]) -> None:
    """Save one by one: the audit log sees no bulk insert."""
    for row in rows:
        row.save(force_insert=True)


def rule_values(data: Row) -> Row:
    """Give a price rule's columns from its data; `before` and `from` are times of day."""
    values = {name: value for name, value in data.items() if name not in ("before", "from")}
    for name in ("before", "from"):
        if name in data:
            values[f"{name}_minute"] = _minute(data[name])
    return values


def span_rows(spans: list[Row]) -> list[Row]:
    """Give the columns of working hours, a row for each weekday, from their data."""
    return [
        {
            "weekday": weekday,
            "opens_minute": _minute(span["opens"]),
            "closes_minute": _minute(span["closes"]),
        }
        for span in spans
        for weekday in span["weekdays"]
    ]


def _minute(text: str) -> int:
    """Give the minute of the day written as `HH:MM`; 24:00 is its end."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
