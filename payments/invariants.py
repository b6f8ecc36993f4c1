"""What must always hold of money, as far as our own rows tell."""

from __future__ import annotations

from hmnp.core.invariants import Backlog, Invariant
from payments.invariants_by_hand import CHOICE_INVARIANTS
from payments.ledger_invariants import LEDGER_INVARIANTS
from payments.states import CAPTURED_PAYMENTS, OPEN_PAYMENTS

_CAPTURED = {"captured": [status.value for status in CAPTURED_PAYMENTS]}
_OPEN = {"open": [status.value for status in OPEN_PAYMENTS]}

_CARD_INVARIANTS = (
    Invariant(
        code="I3",
        name="closing-claims-await-an-intent",
        says="a time is kept closing only while its intent may still bring money",
        sql="""
            SELECT c.id, 'CLOSING without an open payment'
            FROM bookings_slotclaim c
            WHERE c.state = 'CLOSING' AND NOT EXISTS (
                SELECT 1 FROM payments_payment p
                WHERE p.claim_id = c.id AND p.status = ANY(%(open)s))
        """,
        params=_OPEN,
    ),
    Invariant(
        code="I7",
        name="charges-have-a-home",
        says="captured money belongs to a booking that stands, a time still held, or a refund",
        sql="""
            SELECT p.id, p.amount_captured_cents || ' cents captured, ' || back.cents
                   || ' promised back, for '
                   || coalesce('booking ' || b.reference || ' ' || b.status, 'claim ' || c.state)
            FROM payments_payment p
            LEFT JOIN bookings_booking b ON b.id = p.booking_id
            LEFT JOIN bookings_slotclaim c ON c.id = p.claim_id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents), 0) AS cents
                FROM payments_refund r WHERE r.payment_id = p.id) AS back
            WHERE p.status = ANY(%(captured)s) AND p.late_since IS NULL
              AND ((b.id IS NULL AND c.state <> 'PAYING' AND back.cents < p.amount_captured_cents)
                   OR (b.status = 'EXPIRED' AND back.cents < p.amount_captured_cents)
                   OR (b.status = 'PENDING_PAYMENT'
                       AND b.amount_paid_cents - b.amount_refunded_cents >= b.due_now_cents))
        """,
        params=_CAPTURED,
    ),
    Invariant(
        code="I7",
        name="ended-bookings-keep-only-their-fee",
        says="of a cancelled or missed booking's money no more than the policy's fee is kept",
        sql="""
            SELECT b.reference, b.status || ' keeps '
                   || sum(p.amount_captured_cents) - sum(back.cents) || ' cents of a fee of '
                   || b.cancel_kept_cents
            FROM bookings_booking b
            JOIN payments_payment p ON p.booking_id = b.id AND p.status = ANY(%(captured)s)
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents), 0) AS cents
                FROM payments_refund r WHERE r.payment_id = p.id) AS back
            WHERE b.status IN ('CANCELLED', 'NO_SHOW')
            GROUP BY b.id
            HAVING sum(p.amount_captured_cents) - sum(back.cents) > b.cancel_kept_cents
        """,
        params=_CAPTURED,
    ),
    Invariant(
        code="I8",
        name="captured-is-what-was-asked",
        says="exactly the amount asked for was captured, and nothing while a payment is open",
        sql="""
            SELECT id, status || ': ' || amount_captured_cents || ' of ' || amount_cents || ' cents'
            FROM payments_payment
            WHERE amount_captured_cents <>
                  CASE WHEN status = ANY(%(captured)s) THEN amount_cents ELSE 0 END
        """,
        params=_CAPTURED,
    ),
    Invariant(
        code="I9",
        name="refunds-stay-within-captured",
        says="no payment gives back, or promises, more than was captured on it",
        sql="""
            SELECT p.id, sum(r.amount_cents) || ' cents back of ' || p.amount_captured_cents
            FROM payments_payment p
            JOIN payments_refund r ON r.payment_id = p.id AND r.status <> 'FAILED'
            GROUP BY p.id HAVING sum(r.amount_cents) > p.amount_captured_cents
        """,
    ),
    Invariant(
        code="I9",
        name="refunds-have-their-own-key",
        says="a refund is sent under a key made of its own id",
        sql="""
            SELECT id, 'is sent as ' || idempotency_key
            FROM payments_refund WHERE NOT starts_with(idempotency_key, 'rf-' || id)
        """,
    ),
    Invariant(
        code="I10",
        name="cancellations-refund-once",
        says="a cancelled booking's refund is promised once, and is what the policy said",
        sql="""
            SELECT b.reference, back.cents || ' cents promised back, the policy said '
                   || b.cancel_refund_cents
            FROM bookings_booking b
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents) FILTER (WHERE r.is_end), 0) AS cents,
                       coalesce(sum(r.amount_cents) FILTER (WHERE NOT r.is_end), 0) AS other_cents
                FROM (SELECT r.amount_cents, r.reason_key =
                             CASE b.status WHEN 'NO_SHOW' THEN 'no_show' ELSE 'cancel' END AS is_end
                      FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
                      WHERE p.booking_id = b.id AND NOT p.is_duplicate) AS r
            ) AS back
            WHERE b.status IN ('CANCELLED', 'NO_SHOW')
              -- What was promised before, and had not gone yet, is part of what the policy said.
              AND NOT b.cancel_refund_cents
                  BETWEEN back.cents AND back.cents + back.other_cents
              -- Cash is given back by hand.
              AND NOT EXISTS (
                  SELECT 1 FROM bookings_timelineevent e
                  WHERE e.booking_id = b.id AND e.action = 'payment_processed'
                    AND e.metadata ->> 'paymentId' IS NULL)
        """,
    ),
    Invariant(
        code="I11",
        name="bookings-count-their-money",
        says="a booking's paid and refunded sums are those of its payments, refunds and cash",
        sql="""
            SELECT b.reference, 'says ' || b.amount_paid_cents || ' paid, '
                   || b.amount_refunded_cents || ' refunded; the rows say '
                   || paid.cents + cash.cents || ' and ' || back.cents
            FROM bookings_booking b
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(p.amount_captured_cents), 0) AS cents
                FROM payments_payment p
                WHERE p.booking_id = b.id AND NOT p.is_duplicate) AS paid
            CROSS JOIN LATERAL (
                SELECT coalesce(sum((e.metadata ->> 'amountCents')::bigint), 0) AS cents
                FROM bookings_timelineevent e
                WHERE e.booking_id = b.id AND e.action = 'payment_processed'
                  AND e.metadata ->> 'paymentId' IS NULL) AS cash
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents), 0) AS cents
                FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
                WHERE p.booking_id = b.id AND NOT p.is_duplicate
                  AND r.status = 'SUCCEEDED') AS back
            WHERE b.amount_paid_cents <> paid.cents + cash.cents
               OR b.amount_refunded_cents <> back.cents
        """,
    ),
    Invariant(
        code="I11",
        name="payments-count-their-refunds",
        says="a payment's refunded sum and its status are those of its refunds",
        sql="""
            SELECT p.id, p.status || ' says ' || p.amount_refunded_cents
                   || ' cents refunded, the refunds say ' || back.cents
            FROM payments_payment p
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_cents), 0) AS cents
                FROM payments_refund r
                WHERE r.payment_id = p.id AND r.status = 'SUCCEEDED') AS back
            WHERE p.amount_refunded_cents <> back.cents
               OR (p.status = ANY(%(captured)s) AND p.status <>
                   CASE WHEN back.cents <= 0 THEN 'SUCCEEDED'
                        WHEN back.cents < p.amount_captured_cents THEN 'PARTIALLY_REFUNDED'
                        ELSE 'REFUNDED' END)
        """,
        params=_CAPTURED,
    ),
    Invariant(
        code="I12",
        name="one-open-payment-each",
        says="at most one payment of a kind is open for a claim or a booking",
        sql="""
            SELECT 'claim ' || claim_id, count(*) || ' open payments'
            FROM payments_payment WHERE status = ANY(%(open)s) AND claim_id IS NOT NULL
            GROUP BY claim_id HAVING count(*) > 1
            UNION ALL
            SELECT 'booking ' || booking_id, count(*) || ' open payments of kind ' || kind
            FROM payments_payment WHERE status = ANY(%(open)s) AND claim_id IS NULL
            GROUP BY booking_id, kind HAVING count(*) > 1
        """,
        params=_OPEN,
    ),
    Invariant(
        code="I12",
        name="nothing-is-paid-twice",
        says="what is due before an appointment was not captured twice and kept",
        sql="""
            SELECT 'booking ' || p.booking_id, count(*) || ' payments kept for the same'
            FROM payments_payment p
            WHERE p.status = ANY(%(captured)s) AND p.kind IN ('DEPOSIT', 'FULL')
              AND p.booking_id IS NOT NULL
              AND p.amount_captured_cents > (
                  SELECT coalesce(sum(r.amount_cents), 0) FROM payments_refund r
                  WHERE r.payment_id = p.id)
            GROUP BY p.booking_id HAVING count(*) > 1
        """,
        params=_CAPTURED,
    ),
    Invariant(
        code="I12",
        name="no-intent-is-forgotten",
        says="a payment that asked for an intent does not end before it knows which one",
        sql="""
            SELECT id, 'CANCELLED, and its intent is not known'
            FROM payments_payment
            WHERE status = 'CANCELLED' AND intent_requested_at IS NOT NULL
              AND provider_intent_id IS NULL
        """,
    ),
    Invariant(
        code="I14",
        name="payments-are-looked-after",
        says="no payment that may bring money and no refund to send is left alone for long",
        sql="""
            SELECT id, status || ', due since ' || run_at
            FROM payments_payment
            WHERE run_at < clock_timestamp() - interval '15 min'
              AND (late_since IS NOT NULL
                   OR (status = ANY(%(open)s) AND intent_requested_at IS NOT NULL))
            UNION ALL
            SELECT r.id, 'refund ' || r.status || ', due since ' || r.run_at
            FROM payments_refund r
            WHERE r.status IN ('REQUESTED', 'PENDING') AND r.method = 'CARD'
              AND r.run_at < clock_timestamp() - interval '15 min'
              AND NOT EXISTS (SELECT 1 FROM payments_dispute d
                              WHERE d.payment_id = r.payment_id AND d.state = 'OPEN')
        """,
        params=_OPEN,
    ),
)

INVARIANTS = (*_CARD_INVARIANTS, *CHOICE_INVARIANTS, *LEDGER_INVARIANTS)

BACKLOGS = (
    Backlog(
        name="unpaid times to free",
        sql="""
            SELECT count(*) FROM bookings_slotclaim
            WHERE state = 'CLOSING' OR (state = 'PAYING' AND expires_at <= clock_timestamp())
        """,
    ),
    Backlog(
        name="payments to look at",
        sql="""
            SELECT count(*) FROM payments_payment
            WHERE run_at <= clock_timestamp() AND (late_since IS NOT NULL OR (
                  status IN ('CREATED', 'REQUIRES_PAYMENT', 'PROCESSING')
                  AND intent_requested_at IS NOT NULL))
        """,
    ),
    Backlog(
        name="refunds to send",
        sql="""
            SELECT count(*) FROM payments_refund r
            WHERE r.method = 'CARD'
              AND (r.status = 'PENDING' AND r.run_at <= clock_timestamp()
                   OR r.status = 'REQUESTED' AND NOT EXISTS (
                       SELECT 1 FROM payments_dispute d
                       WHERE d.payment_id = r.payment_id AND d.state = 'OPEN'))
        """,
    ),
)
