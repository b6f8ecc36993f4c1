"""Figures of the outbox, the inbox, bookings and claims, counted at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from django.db.models import Count, Model
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bookings.models import Booking, SlotClaim
from bookings.states import LIVE_CLAIM_STATES, BookingStatus
from hmnp.core import metrics
from integrations.health import outbox_lag
from integrations.models import InboxEvent, OutboxJob
from integrations.states import Destination, InboxState, JobState, Provider


class RowCounts(Collector):
    """Counts of rows by state. Every state is shown, so that a rule can compare with 0."""

    def collect(self) -> Iterator[Metric]:
        """Give the figures."""
        yield _gauge(
            "hmnp_outbox_jobs",
            "Outbox jobs by destination and state.",
            ["destination", "state"],
            OutboxJob,
            product(Destination, JobState),
        )
        lag = GaugeMetricFamily(
            "hmnp_outbox_oldest_due_seconds", "How long the oldest due outbox job has waited."
        )
        lag.add_metric([], outbox_lag().total_seconds())
        yield lag
        yield _gauge(
            "hmnp_inbox_events",
            "Webhook events by provider and state.",
            ["provider", "state"],
            InboxEvent,
            product(Provider, InboxState),
        )
        yield _gauge(
            "hmnp_bookings",
            "Bookings by status.",
            ["status"],
            Booking,
            product(BookingStatus),
        )
        yield _gauge(
            "hmnp_live_claims",
            "Claims that keep a notary's time, by state.",
            ["state"],
            SlotClaim,
            product(LIVE_CLAIM_STATES),
        )


def _gauge(
    name: str,
    text: str,
    labels: list[str],
    model: type[Model],
    combinations: Iterable[tuple[str, ...]],
) -> GaugeMetricFamily:
    rows = model._default_manager.order_by().values_list(*labels).annotate(Count("pk"))
    counts = {tuple(row[:-1]): row[-1] for row in rows}
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for combination in combinations:
        values = tuple(str(value) for value in combination)
        gauge.add_metric(values, counts.get(values, 0))
    return gauge


def register() -> None:
    """Add these figures to `/metrics`."""
    metrics.register(RowCounts())
