"""What the desk has measured of every process: where figures go, and which pages are steps."""

from __future__ import annotations

from hmnp.core import metrics, tally
from hmnp.core.request_metrics import count_steps
from hmnp.desk import metric_store, watching
from hmnp.desk.metric_collector import Totals

CUSTOMERS = "customers"
PARTNERS = "partners"


def measure_all() -> None:
    """Keep what processes count, look after beat, and show it all to Prometheus."""
    tally.send_to(metric_store.add)
    tally.follow(watching.watch_by_process)
    count_steps(
        visits=dict.fromkeys(("home", "service", "fee-schedule"), CUSTOMERS),
        # The API has no pages; each of its answers is a look.
        prices={"book-when": CUSTOMERS, "services-pricing": PARTNERS},
    )
    metrics.register(Totals())
