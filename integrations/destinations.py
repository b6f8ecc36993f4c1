"""The breaker of each destination, and its pause; the rows are shared by all workers.

After a failure one job at a time is tried; after `FAILURES_TO_OPEN` in a row none for `OPEN_FOR`,
then one again. What waits behind a breaker or a pause loses no attempt. `attempts.claim` and
`due_jobs` read these rows.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from hmnp.accounts.audit import record_change
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from integrations.models import DestinationState
from integrations.states import Destination

FAILURES_TO_OPEN = 5
OPEN_FOR = timedelta(seconds=60)
SYSTEM = "the system"

# For the WHERE clause of a query over jobs called `job`: nothing goes there at the moment.
SHUT_SQL = """
    EXISTS (SELECT 1 FROM integrations_destinationstate AS destination
            WHERE destination.name = job.destination
              AND (destination.paused_at IS NOT NULL
                   OR destination.open_until > clock_timestamp()))
"""
# Likewise: what goes there is slow for a known reason, theirs or staff's.
TROUBLED_SQL = """
    EXISTS (SELECT 1 FROM integrations_destinationstate AS destination
            WHERE destination.name = job.destination
              AND (destination.paused_at IS NOT NULL OR destination.failures > 0))
"""


def record_success(*, destination: Destination) -> None:
    """Close the breaker, if it was not."""
    DestinationState.objects.filter(name=destination.value, failures__gt=0).update(
        failures=0, open_until=None
    )


def record_failure(*, destination: Destination) -> None:
    """Count one more failure in a row, and open the breaker when there are too many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_destinationstate AS state
                (name, failures, paused_by, pause_reason, tokens)
            VALUES (%(name)s, 1, '', '', 0)
            ON CONFLICT (name) DO UPDATE
            SET failures = state.failures + 1,
                open_until = CASE WHEN state.failures + 1 >= %(limit)s
                    THEN clock_timestamp() + make_interval(secs => %(seconds)s) END
            """,
            {
                "name": destination.value,
                "limit": FAILURES_TO_OPEN,
                "seconds": OPEN_FOR.total_seconds(),
            },
        )


def is_shut(*, destination: Destination) -> bool:
    """Tell whether nothing goes there at the moment: paused, or its breaker open."""
    shut = Q(paused_at__isnull=False) | Q(open_until__gt=Now())
    return DestinationState.objects.filter(shut, name=destination.value).exists()


def pause(*, destination: Destination, by: str, reason: str) -> bool:
    """Let nothing go to the destination until it is resumed; False when it was paused already.

    When the system pauses, a case calls a person.
    """

    def work() -> bool:
        state, _ = DestinationState.objects.get_or_create(name=destination.value)
        paused = DestinationState.objects.filter(name=destination.value, paused_at=None).update(
            paused_at=Now(), paused_by=by[:150], pause_reason=reason[:200]
        )
        if paused:
            record_change(instance=state, changes={"pause_reason": ("", reason[:200])})
        if paused and by == SYSTEM:
            open_case(
                kind=CaseKind.INTEGRATION_PAUSED,
                key=destination.value,
                subject=f"destination:{destination.value}",
                summary=f"{destination.value} is paused: {reason}",
                repair="resume_destination",
            )
        return bool(paused)

    return transactions.run(work)


def resume(*, destination: Destination) -> bool:
    """Let jobs go to the destination again, its breaker closed; False when it was not paused."""

    def work() -> bool:
        resumed = DestinationState.objects.filter(
            name=destination.value, paused_at__isnull=False
        ).update(paused_at=None, paused_by="", pause_reason="", failures=0, open_until=None)
        if resumed:
            state = DestinationState.objects.get(name=destination.value)
            record_change(instance=state, changes={"paused_at": ("paused", "")})
            settle_case(
                kind=CaseKind.INTEGRATION_PAUSED, key=destination.value, how="it was resumed"
            )
        return bool(resumed)

    return transactions.run(work)
