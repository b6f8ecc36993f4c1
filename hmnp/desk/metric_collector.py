"""What all processes counted, for Prometheus: read from the totals, whichever process is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hmnp.core.metrics import CACHE, LIMITS, REQUEST, STEP
from hmnp.core.tally import BOUNDS_MS
from hmnp.desk.alert_models import Alert
from hmnp.desk.alert_rules import Rule
from hmnp.desk.metric_models import Grain, MetricBucket, Reading

# Counted by processes: the counter's name, what it says, and what its labels are called.
_COUNTERS = {
    CACHE: ("hmnp_cache_lookups", "Looks into the cache.", ("family", "result")),
    STEP: ("hmnp_steps", "Visits and first looks at a price.", ("who", "step")),
    LIMITS: ("hmnp_limits_apart", "Times Redis did not answer a limit.", ("store", "result")),
}
_BOUNDS = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]


class Totals(Collector):
    """The totals of every process since the first, and how things stand."""

    def collect(self) -> Iterator[Metric]:
        """Give the figures, by three statements."""
        rows = list(
            MetricBucket.objects.filter(grain=Grain.TOTAL.value).order_by(
                "metric", "subject", "outcome"
            )
        )
        yield _requests(row for row in rows if row.metric == REQUEST)
        for metric, (name, text, labels) in _COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=labels)
            for row in rows:
                if row.metric == metric:
                    counter.add_metric([row.subject, row.outcome], row.count)
            yield counter
        yield from _readings()
        yield _alerts()


def _requests(rows: Iterable[MetricBucket]) -> Metric:
    family = HistogramMetricFamily(
        "hmnp_request_duration_seconds",
        "How long answers took.",
        labels=["route", "status_class"],
    )
    for row in rows:
        counts = accumulate(row.spread)
        family.add_metric(
            [row.subject, row.outcome],
            buckets=[(bound, float(count)) for bound, count in zip(_BOUNDS, counts, strict=True)],
            sum_value=row.total / 1000,
        )
    return family


def _readings() -> Iterator[Metric]:
    seen = GaugeMetricFamily(
        "hmnp_seen_timestamp_seconds", "When it was last seen.", labels=["name", "subject"]
    )
    value = GaugeMetricFamily(
        "hmnp_reading", "How it stood when it was last looked at.", labels=["name", "subject"]
    )
    for reading in Reading.objects.order_by("name", "subject"):
        labels = [reading.name, reading.subject]
        seen.add_metric(labels, reading.at.timestamp())
        value.add_metric(labels, reading.value)
    yield seen
    yield value


def _alerts() -> Metric:
    family = GaugeMetricFamily("hmnp_alerts_open", "Open alerts by rule.", labels=["rule"])
    is_open = list(Alert.objects.filter(closed_at__isnull=True).values_list("rule_id", flat=True))
    for rule in Rule:
        family.add_metric([rule.value], is_open.count(rule.value))
    return family
