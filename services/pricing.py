"""The one price arithmetic of the project: a service and the facts of one appointment in, a price
with its lines out. Pure; cents throughout; each percentage is rounded half up to the cent, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from hmnp.core.money import percent_of
from services import promos, travel
from services.agreed import AS_LISTED, Agreed
from services.definitions import (
    DepositKind,
    RateCode,
    RuleCode,
    ServiceDefinition,
)
from services.promos import PromoTerms
from services.rule_times import rule_applies

# Stripe refuses charges under half a dollar; so little is not due now but joins the balance.
LEAST_CHARGE_CENTS = 50

TIME_SURCHARGES = (
    RuleCode.WEEKEND,
    RuleCode.HOLIDAY,
    RuleCode.AFTER_HOURS,
    RuleCode.LATE_NIGHT,
)


class LineType(StrEnum):
    BASE = "base"
    STATUTORY = "statutory"
    FEE = "fee"
    DISCOUNT = "discount"
    TAX = "tax"


@dataclass(frozen=True)
class PriceLine:
    """One row of a price; a discount's amount is negative."""

    code: str
    label: str
    type: LineType
    amount_cents: int


@dataclass(frozen=True)
class PriceFacts:
    """What a price depends on besides the service.

    `judged_at` is when the slot was claimed, or now for a quote; `is_emergency` is that judgement
    frozen with a claim, None to judge by `judged_at`. `promo` was checked for use already.
    `due_nothing`: the price is not collected at booking (statement partner, free).
    """

    starts_at: datetime
    judged_at: datetime
    signers: int
    documents: int
    zip_code: str | None = None
    promo: PromoTerms | None = None
    is_emergency: bool | None = None
    move_fee_cents: int = 0
    due_nothing: bool = False
    agreed: Agreed = AS_LISTED


@dataclass(frozen=True)
class Pricing:
    """A price: the sums, what is due now (`deposit_required_cents`), and the lines behind them."""

    base_price_cents: int
    extra_signers_cents: int
    extra_documents_cents: int
    travel_fee_cents: int
    time_surcharge_cents: int
    emergency_fee_cents: int
    move_fee_cents: int
    promo_discount_cents: int
    taxes_cents: int
    final_price_cents: int
    deposit_required_cents: int
    lines: tuple[PriceLine, ...]
    distance_miles: float | None
    is_emergency: bool
    agreed_discount_cents: int = 0
    agreed_travel_fee_cents: int | None = None

    @property
    def agreed(self) -> Agreed:
        """What stays agreed when the same booking is priced anew."""
        return Agreed(
            discount_cents=self.agreed_discount_cents,
            travel_fee_cents=self.agreed_travel_fee_cents,
        )

    def to_snapshot(self) -> dict[str, Any]:
        """Give the price as JSON, in cents, to be kept with a booking."""
        return {**vars(self), "lines": [dict(vars(line)) for line in self.lines]}

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        """Give the price that `to_snapshot` wrote."""
        lines = tuple(
            PriceLine(**{**line, "type": LineType(line["type"])}) for line in snapshot["lines"]
        )
        return cls(**{**snapshot, "lines": lines})

    def without_deposit(self) -> Self:
        """Give the same price with nothing due now."""
        return replace(self, deposit_required_cents=0)


def calculate_pricing(*, service: ServiceDefinition, facts: PriceFacts) -> Pricing:
    """Price one appointment.

    Raises `UnknownZip` and `OutOfServiceArea` (mobile services), `PromoInvalid` when the promo
    code is for another service or the sum is below its minimum, `ValidationFailed` when an agreed
    price is above the list's.
    """
    miles = _miles(service, facts)
    emergency = is_emergency(service, facts)
    charges = [
        *_base_lines(service, facts),
        *_extra_lines(service, facts),
        *_travel_lines(service, miles, facts.agreed.travel_fee_cents),
        *_surcharge_lines(service, facts, is_emergency=emergency),
    ]
    charged = _total(charges)
    discount = 0
    if facts.promo is not None:
        discount = promos.discount_cents(
            terms=facts.promo, service_id=service.id, sum_cents=charged
        )
    taxes = percent_of(charged - discount, service.tax_percent)
    listed = charged - discount + taxes + facts.move_fee_cents
    agreed = facts.agreed.discount_on(listed)
    final = listed - agreed
    lines = [*charges, *_closing_lines(service, facts, discount=discount, taxes=taxes)]
    if agreed:
        lines.append(PriceLine("AGREED", "Agreed with you", LineType.DISCOUNT, -agreed))
    return Pricing(
        base_price_cents=service.base_price_cents,
        extra_signers_cents=_total(charges, RuleCode.EXTRA_SIGNER),
        extra_documents_cents=_total(charges, RuleCode.EXTRA_DOCUMENT),
        travel_fee_cents=_total(charges, "TRAVEL"),
        time_surcharge_cents=_total(charges, *TIME_SURCHARGES),
        emergency_fee_cents=_total(charges, RuleCode.EMERGENCY),
        move_fee_cents=facts.move_fee_cents,
        promo_discount_cents=discount + agreed,
        taxes_cents=taxes,
        final_price_cents=final,
        deposit_required_cents=0
        if facts.due_nothing
        else due_now_cents(service=service, price_cents=final),
        lines=tuple(lines),
        distance_miles=miles,
        is_emergency=emergency,
        agreed_discount_cents=agreed,
        agreed_travel_fee_cents=facts.agreed.travel_fee_cents,
    )


def due_now_cents(*, service: ServiceDefinition, price_cents: int) -> int:
    """Give what is due at booking of a price in cents, by the service's deposit rule."""
    match service.deposit_kind:
        case DepositKind.NONE:
            due = 0
        case DepositKind.FIXED:
            due = min(service.deposit_value, price_cents)
        case DepositKind.PERCENT:
            due = percent_of(price_cents, Decimal(service.deposit_value))
        case DepositKind.FULL:
            due = price_cents
    return due if due >= LEAST_CHARGE_CENTS else 0


def _miles(service: ServiceDefinition, facts: PriceFacts) -> float | None:
    if service.area is None:
        return None
    return travel.distance_miles(area=service.area, zip_code=facts.zip_code or "")


def is_emergency(service: ServiceDefinition, facts: PriceFacts) -> bool:
    """Tell whether the start is so near that the service charges for it."""
    rule = service.rule(RuleCode.EMERGENCY)
    if rule is None or rule.within_minutes is None:
        return False
    if facts.is_emergency is not None:
        return facts.is_emergency
    # In UTC, because subtracting two times of one zone would count wall-clock hours.
    ahead = facts.starts_at.astimezone(UTC) - facts.judged_at.astimezone(UTC)
    return ahead.total_seconds() <= rule.within_minutes * 60


def _base_lines(service: ServiceDefinition, facts: PriceFacts) -> Iterator[PriceLine]:
    """Split the base price into the part the law prices and the rest."""
    acts = facts.documents
    if service.included_documents is not None:
        acts = min(acts, service.included_documents)
    signers = min(facts.signers, service.included_signers)
    day = facts.starts_at.astimezone(service.timezone).date()
    first = service.statutory_rate(RateCode.ACT_FIRST_SIGNER, day)
    further = service.statutory_rate(RateCode.ACT_FURTHER_SIGNER, day)
    statutory = min(service.base_price_cents, acts * (first + further * (signers - 1)))
    rest = service.base_price_cents - statutory
    act_label = "Notarial act" if acts == 1 else f"Notarial acts ({acts})"
    act_line = PriceLine("NOTARIAL_ACTS", f"{act_label}, set by law", LineType.STATUTORY, statutory)
    if service.is_mobile:
        yield act_line
        if rest:
            yield PriceLine("BASE", f"{service.name}: service fee", LineType.BASE, rest)
    else:
        if rest:
            yield PriceLine(
                "ONLINE_FEE", "Online notarization, set by law", LineType.STATUTORY, rest
            )
        yield act_line


def _extra_lines(service: ServiceDefinition, facts: PriceFacts) -> Iterator[PriceLine]:
    """Charge what exceeds the included counts; online each extra signer signs every act."""
    line_type = LineType.FEE if service.is_mobile else LineType.STATUTORY
    noun = "document" if service.is_mobile else "notarial act"
    documents = 0
    if service.included_documents is not None:
        documents = max(0, facts.documents - service.included_documents)
    signers = max(0, facts.signers - service.included_signers)
    times_signed = 1 if service.is_mobile else facts.documents
    counted = (
        (RuleCode.EXTRA_DOCUMENT, documents, documents, noun),
        (RuleCode.EXTRA_SIGNER, signers, signers * times_signed, "signer"),
    )
    for code, count, times, name in counted:
        rule = service.rule(code)
        if rule is not None and times * rule.amount_cents:
            label = f"{count} extra {name}{'' if count == 1 else 's'}"
            yield PriceLine(code, label, line_type, times * rule.amount_cents)


def _travel_lines(
    service: ServiceDefinition, miles: float | None, agreed_cents: int | None
) -> Iterator[PriceLine]:
    if service.area is None or miles is None:
        return
    if agreed_cents is not None:
        if agreed_cents:
            label = f"Travel, {miles:.1f} miles, as agreed"
            yield PriceLine("TRAVEL", label, LineType.FEE, agreed_cents)
        return
    fee = travel.travel_fee_cents(area=service.area, miles=miles)
    if fee:
        band = travel.band_of(area=service.area, miles=miles)
        span = f" ({_plain(band.over_miles)}–{_plain(band.up_to_miles)} miles)" if band else ""
        yield PriceLine("TRAVEL", f"Travel, {miles:.1f} miles{span}", LineType.FEE, fee)


def _plain(number: Decimal) -> str:
    return f"{float(number):g}"


def _surcharge_lines(
    service: ServiceDefinition, facts: PriceFacts, *, is_emergency: bool
) -> Iterator[PriceLine]:
    """Charge what the wall clock of the start says, then the emergency."""
    local = facts.starts_at.astimezone(service.timezone)
    for code in TIME_SURCHARGES:
        rule = service.rule(code)
        if rule is not None and rule.amount_cents and rule_applies(rule=rule, local=local):
            yield PriceLine(code, rule.label, LineType.FEE, rule.amount_cents)
    rule = service.rule(RuleCode.EMERGENCY)
    if rule is not None and is_emergency and rule.amount_cents:
        yield PriceLine(RuleCode.EMERGENCY, rule.label, LineType.FEE, rule.amount_cents)


def _closing_lines(
    service: ServiceDefinition, facts: PriceFacts, *, discount: int, taxes: int
) -> Iterator[PriceLine]:
    if discount and facts.promo is not None:
        label = f"Promo code {facts.promo.code}"
        yield PriceLine("PROMO", label, LineType.DISCOUNT, -discount)
    if taxes:
        yield PriceLine("TAX", f"Tax ({_plain(service.tax_percent)} %)", LineType.TAX, taxes)
    if facts.move_fee_cents:
        yield PriceLine("MOVE_FEE", "Late change of time", LineType.FEE, facts.move_fee_cents)


def _total(lines: list[PriceLine], *codes: str) -> int:
    return sum(line.amount_cents for line in lines if not codes or line.code in codes)
