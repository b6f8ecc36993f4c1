"""What must hold of the books, and of everything that claims to know a sum they can derive."""

from __future__ import annotations

from hmnp.core.invariants import Invariant

LEDGER_INVARIANTS = (
    Invariant(
        code="I11",
        name="movements-balance",
        says="the two sides of every movement cancel out",
        sql="""
            SELECT min(movement), 'is off by ' || sum(amount_cents) || ' cents'
            FROM payments_ledgerentry GROUP BY group_id HAVING sum(amount_cents) <> 0
        """,
    ),
    Invariant(
        code="I11",
        name="books-tell-each-payment",
        says="a payment's captured and refunded sums are those the books derive",
        sql="""
            SELECT p.id, 'says ' || p.amount_captured_cents || ' captured, '
                   || p.amount_refunded_cents || ' refunded; the books say '
                   || books.came || ' and ' || books.went
            FROM payments_payment p
            CROSS JOIN LATERAL (
                SELECT coalesce(-sum(amount_cents) FILTER (WHERE refund_id IS NULL), 0) AS came,
                       coalesce(sum(amount_cents) FILTER (WHERE refund_id IS NOT NULL), 0) AS went
                FROM payments_ledgerentry e
                WHERE e.payment_id = p.id AND e.account = 'CUSTOMER') AS books
            WHERE p.amount_captured_cents <> books.came OR p.amount_refunded_cents <> books.went
        """,
    ),
    Invariant(
        code="I11",
        name="books-tell-each-booking",
        says="a booking's paid and refunded sums are those the books derive",
        sql="""
            SELECT b.reference, 'says ' || b.amount_paid_cents || ' paid, '
                   || b.amount_refunded_cents || ' refunded; the books say '
                   || books.came || ' and ' || books.went
            FROM bookings_booking b
            CROSS JOIN LATERAL (
                SELECT coalesce(-sum(e.amount_cents) FILTER (WHERE e.refund_id IS NULL), 0) AS came,
                       coalesce(sum(e.amount_cents) FILTER (WHERE e.refund_id IS NOT NULL), 0)
                           AS went
                FROM payments_ledgerentry e
                JOIN payments_payment p ON p.id = e.payment_id
                WHERE p.booking_id = b.id AND NOT p.is_duplicate
                  AND e.account = 'CUSTOMER') AS books
            WHERE b.amount_paid_cents <> books.came OR b.amount_refunded_cents <> books.went
        """,
    ),
    Invariant(
        code="I11",
        name="disputed-money-is-disputed",
        says="what the books hold as disputed is what open disputes are about",
        sql="""
            SELECT p.id, 'the books hold ' || books.cents || ' cents as disputed, open disputes '
                   || open.cents
            FROM payments_payment p
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_cents), 0) AS cents FROM payments_ledgerentry e
                WHERE e.payment_id = p.id AND e.account = 'DISPUTED') AS books
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(amount_cents), 0) AS cents FROM payments_dispute d
                WHERE d.payment_id = p.id AND d.state = 'OPEN') AS open
            WHERE books.cents <> open.cents
        """,
    ),
)
