"""What must always hold of the timelines' chains; `verify_audit` counts every hash anew as well."""

from __future__ import annotations

from hmnp.core.invariants import Invariant

TIMELINE_INVARIANTS = (
    Invariant(
        code="I4",
        name="timelines-are-linked",
        says="each row of a timeline follows on the one before it, and its head on the last",
        sql="""
            WITH told AS (
                SELECT booking_id, seq, prev_hash, hash,
                       lag(hash, 1, '') OVER upwards AS before, lag(seq, 1, 0) OVER upwards AS below
                FROM bookings_timelineevent
                WINDOW upwards AS (PARTITION BY booking_id ORDER BY seq)
            )
            SELECT b.reference, 'row ' || told.seq || ' does not follow on row ' || told.below
            FROM told JOIN bookings_booking b ON b.id = told.booking_id
            WHERE told.prev_hash <> told.before OR told.seq <> told.below + 1
            UNION ALL
            SELECT b.reference, 'its head says ' || coalesce(head.length::text, 'nothing')
                   || ' rows, the last is ' || coalesce(e.seq::text, 'missing')
            FROM bookings_booking b
            LEFT JOIN bookings_timelinehead head ON head.booking_id = b.id
            LEFT JOIN LATERAL (
                SELECT seq, hash FROM bookings_timelineevent
                WHERE booking_id = b.id ORDER BY seq DESC LIMIT 1) e ON true
            WHERE (head.length, head.hash) IS DISTINCT FROM (e.seq, e.hash)
        """,
    ),
)
