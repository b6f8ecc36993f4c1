"""What the law lets an online notarization cost at most; asked when staff save a price."""

from __future__ import annotations

from datetime import date

from django.db.models import Q

from services.definitions import RateCode, RuleCode
from services.models import Service, StatutoryRate

_RULE_RATES = {
    RuleCode.EXTRA_DOCUMENT: RateCode.ACT_FIRST_SIGNER,
    RuleCode.EXTRA_SIGNER: RateCode.ACT_FURTHER_SIGNER,
}


def online_base_cap_cents(*, service: Service, day: date) -> int:
    """Give the most an online service's base price may be on `day`, for what it includes."""
    acts = service.included_documents or 1
    first = _rate_cents(RateCode.ACT_FIRST_SIGNER, day)
    further = _rate_cents(RateCode.ACT_FURTHER_SIGNER, day) * (service.included_signers - 1)
    return _rate_cents(RateCode.ONLINE_ACT, day) + acts * (first + further)


def online_rule_cap_cents(*, code: str, day: date) -> int:
    """Give the most an online service may add by a rule on `day`; any other surcharge is none."""
    rate = _RULE_RATES.get(RuleCode(code))
    return 0 if rate is None else _rate_cents(rate, day)


def _rate_cents(code: RateCode, day: date) -> int:
    in_force = Q(valid_until__isnull=True) | Q(valid_until__gt=day)
    rates = StatutoryRate.objects.filter(in_force, code=code, valid_from__lte=day)
    return rates.values_list("amount_cents", flat=True).first() or 0
