"""Three quotes that show what a change of the catalogue does, by the one price arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hmnp.core.errors import DomainError
from hmnp.core.money import show
from services.definitions import ServiceDefinition
from services.federal_holidays import is_federal_holiday
from services.pricing import PriceFacts, PriceLine, Pricing, calculate_pricing
from services.promos import PromoTerms

WEDNESDAY, SATURDAY = 3, 6
# Far enough ahead to be nobody's emergency.
_AHEAD = timedelta(days=3)


@dataclass(frozen=True)
class _Wish:
    weekday: int
    hour: int
    zip_code: str
    documents: int
    signers: int


# League City, downtown Houston and Pearland: 11, 34 and 21 miles from where the area begins.
_MOBILE = (
    _Wish(WEDNESDAY, 12, "77573", documents=4, signers=2),
    _Wish(WEDNESDAY, 12, "77002", documents=6, signers=3),
    _Wish(SATURDAY, 10, "77581", documents=1, signers=1),
)
_ONLINE = (
    _Wish(WEDNESDAY, 12, "", documents=1, signers=1),
    _Wish(WEDNESDAY, 12, "", documents=3, signers=2),
    _Wish(SATURDAY, 23, "", documents=1, signers=2),
)


@dataclass(frozen=True)
class Example:
    """One appointment somebody might ask for."""

    service: ServiceDefinition
    starts_at: datetime
    zip_code: str | None
    documents: int
    signers: int

    @property
    def label(self) -> str:
        """Say what is asked for."""
        when = f"{self.starts_at:%A, %B} {self.starts_at.day}, {self.starts_at:%-I %p}"
        where = f"in {self.zip_code}" if self.zip_code else "online"
        counts = f"{_count(self.documents, 'document')}, {_count(self.signers, 'signer')}"
        return f"{self.service.name}: {counts}, {where}, {when}"


@dataclass(frozen=True)
class Quoted:
    """What an example costs, or why it cannot be had."""

    total: str
    due: str
    lines: tuple[PriceLine, ...] = ()


@dataclass(frozen=True)
class Row:
    """One line of a price, before and after; empty where it is not in one of them."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """One example, before and after."""

    label: str
    before: Quoted
    after: Quoted

    @property
    def differs(self) -> bool:
        """Tell whether the customer would notice."""
        return self.before != self.after

    @property
    def rows(self) -> list[Row]:
        """Give the lines of both prices side by side."""
        codes = dict.fromkeys(line.code for line in (*self.before.lines, *self.after.lines))
        before = {line.code: line for line in self.before.lines}
        after = {line.code: line for line in self.after.lines}
        return [
            Row(
                label=(after.get(code) or before[code]).label,
                before=show(before[code].amount_cents) if code in before else "",
                after=show(after[code].amount_cents) if code in after else "",
            )
            for code in codes
        ]


def examples(*, services: Sequence[ServiceDefinition], day: date) -> list[Example]:
    """Choose three appointments of these services, on days from `day` on; none without a service.

    One service gives all three; of several, the first, the second and the last give one each.
    """
    if not services:
        return []
    last = len(services) - 1
    chosen = [services[min(place, last)] for place in (0, 1)] + [services[last]]
    return [
        _example(service, (_MOBILE if service.is_mobile else _ONLINE)[place], day + _AHEAD)
        for place, service in enumerate(chosen)
    ]


def compare(
    *,
    example: Example,
    before: ServiceDefinition | None,
    after: ServiceDefinition | None,
    promo_before: PromoTerms | None = None,
    promo_after: PromoTerms | None = None,
) -> Comparison:
    """Price an example by the service as it was and as it would be; None: it is not there."""
    return Comparison(
        label=example.label,
        before=_quoted(before, example, promo_before),
        after=_quoted(after, example, promo_after),
    )


def _quoted(
    service: ServiceDefinition | None, example: Example, promo: PromoTerms | None
) -> Quoted:
    if service is None:
        return Quoted(total="not in the catalogue", due="")
    facts = PriceFacts(
        starts_at=example.starts_at,
        judged_at=example.starts_at - _AHEAD,
        signers=example.signers,
        documents=example.documents,
        zip_code=example.zip_code,
        promo=promo,
    )
    try:
        pricing: Pricing = calculate_pricing(service=service, facts=facts)
    except DomainError as refusal:
        return Quoted(total=f"refused: {refusal.message}", due="")
    return Quoted(
        total=show(pricing.final_price_cents),
        due=show(pricing.deposit_required_cents),
        lines=pricing.lines,
    )


def _example(service: ServiceDefinition, wish: _Wish, day: date) -> Example:
    on = next(one for one in _days(day) if one.isoweekday() == wish.weekday)
    most = service.max_documents
    return Example(
        service=service,
        starts_at=datetime.combine(on, time(wish.hour), tzinfo=service.timezone),
        zip_code=wish.zip_code or None,
        documents=wish.documents if most is None else min(wish.documents, most),
        signers=min(wish.signers, service.max_signers),
    )


def _days(day: date) -> Iterator[date]:
    while True:
        if not is_federal_holiday(day):
            yield day
        day += timedelta(days=1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
