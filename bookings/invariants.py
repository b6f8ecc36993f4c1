"""What must always hold of claims, bookings, their timeline and their price."""

from __future__ import annotations

import json

from bookings.states import LIVE_CLAIM_STATES, LIVE_STATUSES, TRANSITIONS
from bookings.timeline_invariants import TIMELINE_INVARIANTS
from hmnp.core.invariants import Backlog, Invariant

_LIVE_CLAIMS = {"live_claims": [state.value for state in LIVE_CLAIM_STATES]}
_LIVE_BOOKINGS = {"live": [status.value for status in LIVE_STATUSES]}
_MOVES = json.dumps(
    [
        {"source": source.value, "target": target.value}
        for source, targets in TRANSITIONS.items()
        for target in targets
    ]
)

INVARIANTS = (
    Invariant(
        code="I1",
        name="claims-never-overlap",
        says="no two live claims of a notary share a moment",
        sql="""
            SELECT a.id, 'overlaps ' || b.id
            FROM bookings_slotclaim a
            JOIN bookings_slotclaim b
              ON b.notary_id = a.notary_id AND b.id > a.id AND b.period && a.period
            WHERE a.state = ANY(%(live_claims)s) AND b.state = ANY(%(live_claims)s)
        """,
        params=_LIVE_CLAIMS,
    ),
    Invariant(
        code="I1",
        name="bookings-never-overlap",
        says="no notary has two appointments at a time, by the bookings themselves",
        sql="""
            SELECT a.reference, 'overlaps ' || b.reference
            FROM bookings_booking a
            JOIN bookings_booking b
              ON b.notary_id = a.notary_id AND b.id > a.id
             AND b.starts_at < a.ends_at AND a.starts_at < b.ends_at
            WHERE a.status = ANY(%(live)s) AND b.status = ANY(%(live)s)
        """,
        params=_LIVE_BOOKINGS,
    ),
    Invariant(
        code="I2",
        name="live-bookings-have-one-claim",
        says="a booking that stands or waits for its money has exactly one claim, which fits it",
        sql="""
            SELECT b.reference, b.status || ' with ' || count(c.id) || ' fitting claims of '
                   || (SELECT count(*) FROM bookings_slotclaim any_claim
                       WHERE any_claim.booking_id = b.id
                         AND any_claim.state = ANY(%(live_claims)s)) || ' live'
            FROM bookings_booking b
            LEFT JOIN bookings_slotclaim c
              ON c.booking_id = b.id AND c.notary_id = b.notary_id
             AND c.starts_at = b.starts_at AND c.ends_at = b.ends_at
             AND c.period @> tstzrange(b.starts_at, b.ends_at)
             AND c.state = ANY(CASE b.status WHEN 'PENDING_PAYMENT'
                               THEN ARRAY['PAYING', 'CLOSING'] ELSE ARRAY['BOOKED'] END)
            WHERE b.status = ANY(%(live)s)
            GROUP BY b.id
            HAVING count(c.id) <> 1
                OR (SELECT count(*) FROM bookings_slotclaim any_claim
                    WHERE any_claim.booking_id = b.id
                      AND any_claim.state = ANY(%(live_claims)s)) <> 1
        """,
        params={**_LIVE_CLAIMS, **_LIVE_BOOKINGS},
    ),
    Invariant(
        code="I2",
        name="booked-claims-have-a-booking",
        says="a booked time belongs to a booking",
        sql="""
            SELECT id, 'BOOKED for nobody'
            FROM bookings_slotclaim WHERE state = 'BOOKED' AND booking_id IS NULL
        """,
    ),
    Invariant(
        code="I2",
        name="ended-bookings-free-their-time",
        says="a cancelled or expired booking keeps no time, but while its intent is being ended",
        sql="""
            SELECT b.reference, b.status || ' keeps a claim that is ' || c.state
            FROM bookings_booking b JOIN bookings_slotclaim c ON c.booking_id = b.id
            WHERE c.state = ANY(%(live_claims)s)
              AND ((b.status = 'CANCELLED' AND c.state <> 'CLOSING') OR b.status = 'EXPIRED')
        """,
        params=_LIVE_CLAIMS,
    ),
    Invariant(
        code="I3",
        name="holds-end",
        says="no claim is held or paid for a minute past its time",
        sql="""
            SELECT id, state || ' since it ended at ' || expires_at
            FROM bookings_slotclaim
            WHERE state IN ('HELD', 'PAYING')
              AND expires_at < clock_timestamp() - interval '60 s'
        """,
    ),
    Invariant(
        code="I4",
        name="statuses-move-as-allowed",
        says="the timeline tells a path through the table of moves, up to the present status",
        sql="""
            WITH told AS (
                SELECT booking_id, id, action,
                       changes -> 'status' ->> 0 AS source, changes -> 'status' ->> 1 AS target,
                       lag(changes -> 'status' ->> 1, 1, 'PENDING_PAYMENT')
                           OVER (PARTITION BY booking_id ORDER BY id) AS previous,
                       row_number() OVER (PARTITION BY booking_id ORDER BY id DESC) AS from_last
                FROM bookings_timelineevent WHERE changes ? 'status'
            ), allowed AS (
                SELECT source, target
                FROM jsonb_to_recordset(%(moves)s::jsonb) AS move(source text, target text)
            )
            SELECT b.reference, 'went from ' || told.source || ' (after ' || told.previous
                   || ') to ' || told.target
            FROM told JOIN bookings_booking b ON b.id = told.booking_id
            WHERE told.source <> told.previous
               OR ((told.source, told.target) NOT IN (SELECT source, target FROM allowed)
                   -- One that was taken over begins where the system before had left it.
                   AND NOT (told.action = 'created' AND b.imported_at IS NOT NULL))
            UNION ALL
            SELECT b.reference, 'is ' || b.status || ', its timeline says '
                   || coalesce(told.target, 'PENDING_PAYMENT')
            FROM bookings_booking b
            LEFT JOIN told ON told.booking_id = b.id AND told.from_last = 1
            WHERE b.status <> coalesce(told.target, 'PENDING_PAYMENT')
        """,
        params={"moves": _MOVES},
    ),
    Invariant(
        code="I4",
        name="versions-count-changes",
        says="a booking's version is one more than the changes its timeline tells",
        sql="""
            SELECT b.reference, 'is at version ' || b.version || ' after '
                   || count(e.id) FILTER (WHERE NOT (
                          e.action IN ('created', 'message_sent', 'payment_failed')
                          OR (e.action IN ('updated', 'integration_synced')
                              AND e.changes = '{}'::jsonb))) || ' changes'
            FROM bookings_booking b
            LEFT JOIN bookings_timelineevent e ON e.booking_id = b.id
            GROUP BY b.id
            -- Told without a change: mails, declined cards, disputes.
            HAVING b.version <> 1 + count(e.id) FILTER (WHERE NOT (
                          e.action IN ('created', 'message_sent', 'payment_failed')
                          OR (e.action IN ('updated', 'integration_synced')
                              AND e.changes = '{}'::jsonb)))
        """,
    ),
    Invariant(
        code="I4",
        name="timelines-begin-once",
        says="every booking's timeline says once that it was created",
        sql="""
            SELECT b.reference, 'was created '
                   || count(e.id) FILTER (WHERE e.action = 'created') || ' times'
            FROM bookings_booking b
            LEFT JOIN bookings_timelineevent e ON e.booking_id = b.id
            GROUP BY b.id
            HAVING count(e.id) FILTER (WHERE e.action = 'created') <> 1
        """,
    ),
    Invariant(
        code="I8",
        name="confirmed-bookings-are-paid",
        says="what had to be paid for a booking to stand was paid, or waived for a reason",
        sql="""
            SELECT reference, status || ' with ' || amount_paid_cents || ' of '
                   || due_now_cents || ' cents paid'
            FROM bookings_booking
            WHERE status IN ('CONFIRMED', 'IN_PROGRESS', 'COMPLETED')
              AND amount_paid_cents < due_now_cents
        """,
    ),
    Invariant(
        code="I20",
        name="prices-are-their-lines",
        says="a price is the sum of the lines that were agreed to",
        sql="""
            SELECT b.reference, b.price_cents || ' cents, its lines say ' || lines.cents
            FROM bookings_booking b, LATERAL (
                SELECT coalesce(sum((line ->> 'amount_cents')::bigint), 0) AS cents
                FROM jsonb_array_elements(b.pricing -> 'lines') AS line) AS lines
            WHERE b.price_cents <> lines.cents
               OR b.price_cents <> (b.pricing ->> 'final_price_cents')::bigint
        """,
    ),
    Invariant(
        code="I20",
        name="promo-uses-are-counted",
        says="a promo code was used as often as it says, and not more often than it may",
        sql="""
            SELECT promo.code, 'says ' || promo.times_used || ' uses, bookings say '
                   || count(used.id) || ', allowed are ' || coalesce(promo.max_uses::text, 'any')
            FROM services_promocode promo
            LEFT JOIN bookings_promoredemption used
              ON used.promo_id = promo.id AND used.released_at IS NULL
            GROUP BY promo.id
            HAVING promo.times_used <> count(used.id) OR promo.times_used > promo.max_uses
        """,
    ),
    *TIMELINE_INVARIANTS,
)

BACKLOGS = (
    Backlog(
        name="dead holds to expire",
        sql="""
            SELECT count(*) FROM bookings_slotclaim
            WHERE state = 'HELD' AND expires_at < clock_timestamp() - interval '1 s'
        """,
    ),
)
