"""A service in plain words for its pages: hours, area, prices, what cancelling costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hmnp.core.money import show
from hmnp.core.pages import length
from services.definitions import (
    DepositKind,
    Hours,
    PriceRule,
    RateCode,
    RuleCode,
    ServiceDefinition,
    StatutoryRate,
)

# What most customers meet comes first.
_EXTRAS_ORDER = (
    RuleCode.EXTRA_DOCUMENT,
    RuleCode.EXTRA_SIGNER,
    RuleCode.WEEKEND,
    RuleCode.HOLIDAY,
    RuleCode.EMERGENCY,
    RuleCode.AFTER_HOURS,
    RuleCode.LATE_NIGHT,
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

RATE_LABELS = {
    RateCode.ACT_FIRST_SIGNER: "A notarial act, first signature",
    RateCode.ACT_FURTHER_SIGNER: "Each further signature on the same act",
    RateCode.ONLINE_ACT: "Doing it online, in addition to the act",
}


@dataclass(frozen=True)
class Amount:
    """A label and an amount in words, one row of a price table."""

    label: str
    amount: str


def dollars(amount_cents: int) -> str:
    """Give an amount without needless cents: `$85`, `$42.50`."""
    return show(amount_cents).removesuffix(".00")


def hours(service: ServiceDefinition) -> str:
    """Give the opening hours: `Monday to Friday, 9 am to 5 pm`."""
    days: dict[int, list[Hours]] = {}
    for window in service.hours:
        days.setdefault(window.weekday, []).append(window)
    spans = {
        weekday: " and ".join(_span(window) for window in windows)
        for weekday, windows in sorted(days.items())
    }
    if len(spans) == 7 and len(set(spans.values())) == 1:
        span = spans[1]
        return "Day and night, every day" if span == _ALL_DAY else f"Every day, {span}"
    runs: list[list[int]] = []
    for weekday, span in spans.items():
        if runs and runs[-1][-1] == weekday - 1 and spans[weekday - 1] == span:
            runs[-1].append(weekday)
        else:
            runs.append([weekday])
    return "; ".join(f"{_names(run)}, {spans[run[0]]}" for run in runs)


def where(service: ServiceDefinition) -> str:
    """Say where the work is done."""
    if service.area is None:
        return "Online, by video, from anywhere"
    return (
        f"At your place, up to {miles(service.area.last_served_mile)} miles "
        f"from ZIP {service.area.centre_zip}"
    )


def from_note(service: ServiceDefinition) -> str:
    """Say what the starting price stands for."""
    if service.area is None:
        return "for one document and one signer"
    return f"travel included up to {miles(service.area.included_miles)} miles"


def included(service: ServiceDefinition) -> list[str]:
    """List what the base price pays for."""
    lines = [
        f"One {'visit' if service.is_mobile else 'session'} of {length(service.duration_minutes)}"
    ]
    signers = _count(service.included_signers, "signer")
    if service.included_documents is None:
        lines.append(f"All documents of the package, up to {signers}")
    else:
        noun = "document" if service.is_mobile else "notarial act"
        lines.append(f"Up to {_count(service.included_documents, noun)} and {signers}")
    if service.area is not None:
        lines.append(
            f"Travel up to {miles(service.area.included_miles)} miles "
            f"from ZIP {service.area.centre_zip}"
        )
    else:
        lines.append("The video session, the check of your ID, and the recording the law asks for")
    return lines


def extras(service: ServiceDefinition) -> list[Amount]:
    """List what is added, and when."""
    order = list(_EXTRAS_ORDER)
    rules = sorted(service.rules, key=lambda rule: order.index(RuleCode(rule.code)))
    rows = [_extra(service, rule) for rule in rules if rule.amount_cents]
    return [Amount(label, f"+{amount}") for label, amount in rows]


def travel_bands(service: ServiceDefinition) -> list[Amount]:
    """List the travel fee by distance, up to what is not served."""
    area = service.area
    if area is None:
        return []
    rows = [Amount(f"Up to {miles(area.included_miles)} miles", "included")]
    rows += [
        Amount(
            f"Over {miles(max(band.over_miles, area.included_miles))} "
            f"to {miles(band.up_to_miles)} miles",
            dollars(band.fee_cents) if band.fee_cents else "included",
        )
        for band in area.bands
        if band.up_to_miles > area.included_miles
    ]
    return [*rows, Amount(f"Over {miles(area.last_served_mile)} miles", "not served")]


def cancelling(service: ServiceDefinition) -> list[str]:
    """List what cancelling and moving cost."""
    lines = []
    for tier in service.cancellation_tiers:
        kept = dollars(tier.kept_cents)
        if tier.keeps_travel_fee and service.is_mobile:
            kept = f"{kept} and the travel fee"
        label = tier.label.partition(":")[0]
        lines.append(
            f"{label}: we keep {kept}"
            if tier.kept_cents or tier.keeps_travel_fee
            else f"{label}: you get everything back"
        )
    if service.move_fee_cents:
        lines.append(
            f"Moving is free up to {length(service.free_move_minutes)} before the start, "
            f"later it costs {dollars(service.move_fee_cents)}"
        )
    return lines


def due_note(service: ServiceDefinition) -> str:
    """Say what is paid when."""
    match service.deposit_kind:
        case DepositKind.NONE:
            return "Paid at the appointment"
        case DepositKind.FIXED:
            return f"{dollars(service.deposit_value)} now by card, the rest at the door"
        case DepositKind.PERCENT:
            share = "Half" if service.deposit_value == 50 else f"{service.deposit_value} %"
            return f"{share} now by card, the rest at the door"
        case DepositKind.FULL:
            return "Paid in full by card when you book"


def rate_on_sale(rates: tuple[StatutoryRate, ...], code: RateCode) -> int:
    """Give the newest amount in cents that the law sets for `code`, 0 when the data has none."""
    known = [rate for rate in rates if rate.code == code and rate.valid_until is None]
    return max(known, key=lambda rate: rate.valid_from).amount_cents if known else 0


def miles(value: Decimal) -> str:
    """Give miles without needless zeros."""
    return f"{float(value):g}"


def _extra(service: ServiceDefinition, rule: PriceRule) -> tuple[str, str]:
    noun = "document" if service.is_mobile else "notarial act"
    amount = dollars(rule.amount_cents)
    match rule.code:
        case RuleCode.EXTRA_DOCUMENT:
            return f"Each {noun} above {service.included_documents}", amount
        case RuleCode.EXTRA_SIGNER if not service.is_mobile:
            return f"Each signer above {service.included_signers}, for each act", amount
        case RuleCode.EXTRA_SIGNER:
            return f"Each signer above {service.included_signers}", amount
        case RuleCode.EMERGENCY if rule.within_minutes:
            return f"Booked {length(rule.within_minutes)} ahead or less", amount
        case _:
            return rule.label, amount


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _names(weekdays: list[int]) -> str:
    first, last = _WEEKDAYS[weekdays[0] - 1], _WEEKDAYS[weekdays[-1] - 1]
    return first if first == last else f"{first} to {last}"


def _span(window: Hours) -> str:
    return f"{_clock(window.opens_minute)} to {_clock(window.closes_minute)}"


def _clock(minute: int) -> str:
    hour, rest = divmod(minute % 1440, 60)
    if minute % 720 == 0:
        return "midnight" if minute % 1440 == 0 else "noon"
    digits = f":{rest:02d}" if rest else ""
    return f"{hour % 12 or 12}{digits} {'am' if hour < 12 else 'pm'}"


_ALL_DAY = "midnight to midnight"
