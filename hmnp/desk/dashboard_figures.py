"""The buckets of a span, summed so that each figure of the dashboard is a look into a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, Sum, Value, When
from django.db.models.fields import CharField

from hmnp.core.metrics import REQUEST
from hmnp.desk.dashboard_spans import Span
from hmnp.desk.metric_models import MetricBucket

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Route:
    """How one route did over the whole span; times in milliseconds."""

    name: str
    count: int
    average: float
    errors: int


@dataclass
class Figures:
    """Counts and sums by metric, subject and outcome, each by the pieces of the span."""

    span: Span
    counts: dict[Key, list[int]] = field(default_factory=dict)
    totals: dict[Key, list[float]] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    since: datetime | None = None

    def count(self, metric: str, *, subject: str = "", outcomes: Sequence[str] = ()) -> list[int]:
        """Give how often, by piece; of any subject or outcome where none is named."""
        return [sum(at) for at in zip(*self._rows(metric, subject, outcomes), strict=True)]

    def total(self, metric: str, *, subject: str = "") -> list[float]:
        """Give the sum of what was measured, by piece."""
        found = [
            row
            for (name, of, _), row in self.totals.items()
            if name == metric and subject in ("", of)
        ]
        return [sum(at) for at in zip(self._nothing(), *found, strict=True)]

    def subjects(self, metric: str) -> list[str]:
        """Give what a metric was measured of."""
        return sorted({subject for name, subject, _ in self.counts if name == metric})

    def _rows(self, metric: str, subject: str, outcomes: Sequence[str]) -> list[list[int]]:
        return [
            self._nothing(),
            *(
                row
                for (name, of, outcome), row in self.counts.items()
                if name == metric and subject in ("", of) and (not outcomes or outcome in outcomes)
            ),
        ]

    def _nothing(self) -> list[int]:
        return [0] * len(self.span.pieces)


def read_figures(*, span: Span) -> Figures:
    """Read a span's buckets, in two statements."""
    buckets = MetricBucket.objects.filter(
        grain=span.grain.value, starts_at__gte=span.starts_at
    ).order_by()
    # There are many routes, and a chart shows them together.
    together = Case(
        When(metric=REQUEST, then=Value("")), default="subject", output_field=CharField()
    )
    figures = Figures(span)
    counts: dict[Key, list[int]] = defaultdict(lambda: [0] * len(span.pieces))
    totals: dict[Key, list[float]] = defaultdict(lambda: [0.0] * len(span.pieces))
    rows = buckets.values_list("starts_at", "metric", together, "outcome").annotate(
        Sum("count"), Sum("total")
    )
    for starts_at, metric, subject, outcome, count, total in rows:
        place = span.place(starts_at)
        counts[metric, subject, outcome][place] += count
        totals[metric, subject, outcome][place] += total
        figures.since = min(figures.since or starts_at, starts_at)
    figures.counts, figures.totals = dict(counts), dict(totals)
    figures.routes = _routes(span)
    return figures


def _routes(span: Span) -> list[Route]:
    rows = (
        MetricBucket.objects.filter(
            grain=span.grain.value, starts_at__gte=span.starts_at, metric=REQUEST
        )
        .order_by()
        .values_list("subject", "outcome")
        .annotate(Sum("count"), Sum("total"))
    )
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0])
    for name, outcome, count, total in rows:
        row = found[name]
        row[0] += count
        row[1] += total
        row[2] += count if outcome == "5xx" else 0
    return [
        Route(name, int(count), total / count, int(errors))
        for name, (count, total, errors) in found.items()
        if count
    ]
