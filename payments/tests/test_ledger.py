"""The sums, and that a refund is never spread above what there is."""

from __future__ import annotations

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from payments.ledger import (
    Captured,
    GivenBack,
    allocate,
    paid_cents,
    promised_cents,
    refundable_cents,
    refunded_cents,
)
from payments.states import CAPTURED_PAYMENTS, PaymentStatus, RefundState

ONE, TWO = uuid4(), uuid4()


def _captured(payment_id: UUID, cents: int) -> Captured:
    return Captured(payment_id=payment_id, status=PaymentStatus.SUCCEEDED, captured_cents=cents)


def test_only_captured_payments_count() -> None:
    payments = [
        Captured(payment_id=uuid4(), status=status, captured_cents=100) for status in PaymentStatus
    ]
    assert paid_cents(payments) == 100 * len(CAPTURED_PAYMENTS)


def test_a_failed_refund_is_neither_refunded_nor_promised() -> None:
    refunds = [GivenBack(payment_id=ONE, status=s, amount_cents=10) for s in RefundState]
    assert refunded_cents(refunds) == 10
    assert promised_cents(refunds) == 30


def test_what_is_promised_is_not_refundable_again() -> None:
    refunds = [GivenBack(payment_id=ONE, status=RefundState.REQUESTED, amount_cents=60)]
    assert refundable_cents(_captured(ONE, 100), refunds) == 40
    assert refundable_cents(_captured(TWO, 100), refunds) == 100


@given(
    captured=st.lists(st.integers(0, 500), min_size=1, max_size=4),
    earlier=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(list(RefundState)), st.integers(1, 200)),
        max_size=6,
    ),
    amount=st.integers(0, 3000),
)
def test_shares_never_exceed_what_each_payment_has_left(
    captured: list[int], earlier: list[tuple[int, RefundState, int]], amount: int
) -> None:
    payments = [_captured(UUID(int=number), cents) for number, cents in enumerate(captured)]
    refunds = [
        GivenBack(payment_id=UUID(int=number), status=status, amount_cents=cents)
        for number, status, cents in earlier
    ]
    left = {payment.payment_id: refundable_cents(payment, refunds) for payment in payments}
    shares = allocate(amount_cents=amount, payments=payments, refunds=refunds)
    assert all(0 < share.amount_cents <= left[share.payment_id] for share in shares)
    assert len({share.payment_id for share in shares}) == len(shares)
    assert sum(share.amount_cents for share in shares) == min(amount, sum(left.values()))
