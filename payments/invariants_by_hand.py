"""What must hold of late choices, disputes and money that staff took or gave."""

from __future__ import annotations

from hmnp.core.invariants import Invariant

CHOICE_INVARIANTS = (
    Invariant(
        code="I7",
        name="open-choices-hold-late-money",
        says="an open choice is about late money of an expired booking, promised to nobody else",
        sql="""
            SELECT c.id, 'booking ' || b.status || ', late since '
                   || coalesce(p.late_since::text, 'never') || ', ' || back.cents || ' cents back'
            FROM payments_latechoice c
            JOIN payments_payment p ON p.id = c.payment_id
            JOIN bookings_booking b ON b.id = c.booking_id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents), 0) AS cents
                FROM payments_refund r
                WHERE r.payment_id = p.id AND r.status <> 'FAILED') AS back
            WHERE c.state = 'OPEN'
              AND (b.status <> 'EXPIRED' OR p.late_since IS NULL
                   OR p.booking_id <> b.id OR back.cents > 0)
        """,
    ),
    Invariant(
        code="I7",
        name="kept-times-belong-to-a-choice",
        says="times are kept for late money only while it waits, and are gone with the choice",
        sql="""
            SELECT k.id, 'kept as ' || k.holder_key || ' without late money'
            FROM bookings_slotclaim k
            WHERE k.state = 'HELD' AND k.holder_key LIKE 'late:%%'
              AND k.expires_at > clock_timestamp()
              AND NOT EXISTS (
                  SELECT 1 FROM payments_payment p
                  WHERE 'late:' || p.booking_id = k.holder_key AND p.late_since IS NOT NULL)
        """,
    ),
    Invariant(
        code="I8",
        name="money-by-hand-names-who-took-it",
        says="cash and checks are recorded by somebody of ours, and no provider knows them",
        sql="""
            SELECT id, method || ' recorded by "' || recorded_by || '"'
            FROM payments_payment
            WHERE method <> 'CARD' AND (recorded_by = '' OR provider_intent_id IS NOT NULL
                  OR intent_requested_at IS NOT NULL OR booking_id IS NULL)
        """,
    ),
    Invariant(
        code="I9",
        name="duplicates-go-back",
        says="what was charged twice is promised back in full",
        sql="""
            SELECT p.id, p.amount_captured_cents || ' cents, ' || back.cents || ' promised back'
            FROM payments_payment p
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents), 0) AS cents
                FROM payments_refund r WHERE r.payment_id = p.id) AS back
            WHERE p.is_duplicate AND back.cents < p.amount_captured_cents
        """,
    ),
    Invariant(
        code="I11",
        name="lost-disputes-are-counted",
        says="what a bank took back is a refund of its payment, and only then",
        sql="""
            SELECT d.id, d.state || ', its refund is ' || coalesce(r.status, 'missing')
            FROM payments_dispute d
            LEFT JOIN payments_refund r
              ON r.payment_id = d.payment_id AND r.reason_key = 'dispute-' || d.id
            LEFT JOIN payments_payment p ON p.id = d.payment_id
            WHERE (d.state = 'LOST' AND r.id IS NULL
                   AND p.amount_refunded_cents < p.amount_captured_cents)
               OR (d.state <> 'LOST' AND r.id IS NOT NULL)
        """,
    ),
)
