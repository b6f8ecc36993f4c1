"""Figures of the business, derived from its own rows: nothing is counted twice, or lost.

A customer is counted in the hour they took a time, a payment in the hour it was asked for, a job
in the hour it ended; hours are derived anew while their rows may still change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from hmnp.desk.metric_models import Grain
from hmnp.desk.metric_rollup import hour_of
from integrations.states import JobState
from payments.states import CAPTURED_PAYMENTS, PaymentKind, PaymentMethod, PaymentStatus

PAYMENT = "payment"
COMPLETION = "completion"
INTEGRATION = "integration"
# A call to Stripe that was begun so long ago and brought no intent has failed.
STRIPE_FAILED_AFTER = timedelta(seconds=60)
# A bank may work on a payment for 45 minutes.
_MAY_CHANGE = timedelta(hours=3)

# Of a held time: whose it is, whether it was booked, and whether what was due was paid.
_STEPS = """
    SELECT held_at AS at, 'step' AS metric,
        CASE split_part(holder_key, ':', 1)
            WHEN 'partner' THEN 'partners' WHEN 'staff' THEN 'staff' ELSE 'customers' END
            AS subject,
        step.outcome
    FROM bookings_slotclaim AS claim
    LEFT JOIN bookings_booking AS booking ON booking.id = claim.booking_id,
    LATERAL (VALUES ('hold', TRUE), ('booking', booking.id IS NOT NULL),
        ('paid', booking.confirmed_at IS NOT NULL)) AS step(outcome, is_taken)
    WHERE held_at >= %(since)s AND held_at < %(until)s AND step.is_taken
        AND split_part(holder_key, ':', 1) IN ('address', 'partner', 'staff')
"""
# What is still open is not counted yet.
_PAYMENTS = """
    SELECT created_at AS at, 'payment' AS metric, 'card' AS subject,
        CASE
            WHEN status = ANY(%(captured)s) THEN 'succeeded'
            WHEN status = %(failed)s THEN 'failed'
            WHEN provider_intent_id IS NULL AND intent_requested_at < %(stripe_failed)s
                THEN 'failed'
            WHEN status = %(cancelled)s AND declined_attempt <> '' THEN 'declined'
            WHEN status = %(cancelled)s THEN 'abandoned'
        END AS outcome
    FROM payments_payment
    WHERE created_at >= %(since)s AND created_at < %(until)s AND method = %(card)s
"""
_COMPLETIONS = """
    SELECT min(created_at) AS at, 'completion' AS metric, 'customers' AS subject,
        CASE WHEN bool_or(status = ANY(%(captured)s)) THEN 'paid'
            WHEN bool_and(status = ANY(%(ended)s)) THEN 'not_paid' END AS outcome
    FROM payments_payment
    WHERE created_at >= %(since)s AND created_at < %(until)s AND method = %(card)s
        AND kind <> %(balance)s AND provider_intent_id IS NOT NULL
    GROUP BY COALESCE(claim_id, booking_id)
"""
_JOBS = """
    SELECT finished_at AS at, 'integration' AS metric, destination AS subject,
        CASE WHEN state = %(dead)s THEN 'given_up' WHEN attempts > 1 THEN 'later'
            ELSE 'at_once' END AS outcome
    FROM integrations_outboxjob
    WHERE finished_at >= %(since)s AND finished_at < %(until)s
        AND state IN (%(succeeded)s, %(dead)s)
"""
_FACTS = " UNION ALL ".join((_STEPS, _PAYMENTS, _COMPLETIONS, _JOBS))

_FORGET = """
    DELETE FROM desk_metricbucket
    WHERE grain = %(hour)s AND starts_at >= %(since)s AND starts_at < %(until)s
        AND (metric = ANY(%(metrics)s) OR (metric = 'step' AND outcome = ANY(%(steps)s)))
"""
_WRITE = f"""
    INSERT INTO desk_metricbucket
        (grain, starts_at, metric, subject, outcome, count, total, spread)
    SELECT %(hour)s, date_trunc('hour', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour,
        metric, subject, outcome, count(*), 0, '{{}}'
    FROM ({_FACTS}) AS facts WHERE outcome IS NOT NULL
    GROUP BY hour, metric, subject, outcome
"""  # noqa: S608 -- put together from statements of ours


def derive(*, now: datetime, back: timedelta = _MAY_CHANGE) -> None:
    """Write the hours since `back` anew from the rows behind them."""
    parameters: dict[str, Any] = {
        **_codes(),
        "since": hour_of(now - back),
        "until": now.astimezone(UTC),
        "stripe_failed": now - STRIPE_FAILED_AFTER,
        "hour": Grain.HOUR.value,
        "metrics": [PAYMENT, COMPLETION, INTEGRATION],
        "steps": ["hold", "booking", "paid"],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('desk.derive'))")
        cursor.execute(_FORGET, parameters)
        cursor.execute(_WRITE, parameters)


def _codes() -> Mapping[str, object]:
    return {
        "captured": [status.value for status in CAPTURED_PAYMENTS],
        "failed": PaymentStatus.FAILED.value,
        "cancelled": PaymentStatus.CANCELLED.value,
        "ended": [PaymentStatus.CANCELLED.value, PaymentStatus.FAILED.value],
        "card": PaymentMethod.CARD.value,
        "balance": PaymentKind.BALANCE.value,
        "dead": JobState.DEAD.value,
        "succeeded": JobState.SUCCEEDED.value,
    }
