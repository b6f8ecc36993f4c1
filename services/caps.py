"""What the law lets a price be at most; asked wherever staff save one.

The database asks the same at every commit (`services_within_the_law`), whoever writes.
"""

from __future__ import annotations

from datetime import date

from django.apps import apps
from django.db.models import Max, Q

from services.definitions import RateCode, RuleCode

_RULE_RATES = {
    RuleCode.EXTRA_DOCUMENT: RateCode.ACT_FIRST_SIGNER,
    RuleCode.EXTRA_SIGNER: RateCode.ACT_FURTHER_SIGNER,
}


def online_base_cap_cents(
    *, included_signers: int, included_documents: int | None, day: date
) -> int:
    """Give the most an online service's base price may be on `day` and ever after."""
    acts = included_documents or 1

    def on(day: date) -> int:
        first = _rate_cents(RateCode.ACT_FIRST_SIGNER, day)
        further = _rate_cents(RateCode.ACT_FURTHER_SIGNER, day) * (included_signers - 1)
        return _rate_cents(RateCode.ONLINE_ACT, day) + acts * (first + further)

    return min(on(day) for day in _days_of_change(day))


def online_rule_cap_cents(*, code: str, day: date) -> int:
    """Give the most an online service may add by a rule from `day` on; any other surcharge: 0."""
    rate = _RULE_RATES.get(RuleCode(code))
    return 0 if rate is None else min(_rate_cents(rate, day) for day in _days_of_change(day))


def rate_cap_cents(*, code: str, valid_from: date, valid_until: date | None) -> int | None:
    """Give the most a fee set by law may be on every day of a span; None: no law is known."""
    maxima = apps.get_model("services", "LegalMaximum").objects.filter(code=code)
    begun = maxima.filter(valid_from__lte=valid_from).aggregate(day=Max("valid_from"))["day"]
    if begun is None:
        return None
    within = maxima.filter(valid_from__gte=begun)
    if valid_until is not None:
        within = within.filter(valid_from__lt=valid_until)
    return min(within.values_list("amount_cents", flat=True))


def _days_of_change(day: date) -> list[date]:
    rates = apps.get_model("services", "StatutoryRate").objects
    begins = rates.filter(valid_from__gt=day).values_list("valid_from", flat=True)
    ends = rates.filter(valid_until__gt=day).values_list("valid_until", flat=True)
    return [day, *begins, *(end for end in ends if end is not None)]


def _rate_cents(code: RateCode, day: date) -> int:
    in_force = Q(valid_until__isnull=True) | Q(valid_until__gt=day)
    rates = apps.get_model("services", "StatutoryRate").objects.filter(
        in_force, code=code, valid_from__lte=day
    )
    amount: int | None = rates.values_list("amount_cents", flat=True).first()
    return amount or 0
