"""The books: every movement has two sides, is posted once, and nobody rewrites it."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from bookings.actions.cancel_booking import cancel_booking
from bookings.tests.factories import CUSTOMER, NOW, book
from hmnp.core.transactions import sqlstate
from payments.actions.send_refund import record_provider_refund
from payments.actions.settle_payment import settle_payment
from payments.books import LedgerEntry
from payments.events import DisputeClosed, DisputeOpened, PaymentSettled, RefundFailed, RefundSent
from payments.ledger_sums import NOTHING, Sums, sums_of_bookings, sums_of_payments
from payments.models import Payment, Refund
from payments.posting import (
    post_decision,
    post_payment,
    post_refund,
    post_returned_refund,
    post_withdrawal,
)
from payments.provider import ProviderRefund
from payments.states import PaymentKind, PaymentMethod, PaymentStatus, RefundMethod, RefundState
from payments.tests.driving import Stripe
from payments.tests.steps import (
    book_hold,
    breaches,
    held_and_opened,
    open_for_booking,
    pay,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("notary")]


def _books() -> list[tuple[str, str, int]]:
    """Give every row without the ids in its movement's name."""
    return [
        (
            ":".join((e.movement.split(":")[0], *e.movement.split(":")[2:])),
            e.account,
            e.amount_cents,
        )
        for e in LedgerEntry.objects.order_by("id")
    ]


def _captured(cents: int = 5000, method: PaymentMethod = PaymentMethod.CARD) -> Payment:
    """Give a captured payment of a new booking, not yet in the books."""
    return Payment.objects.create(
        booking=book(),
        kind=PaymentKind.FULL.value,
        method=method.value,
        status=PaymentStatus.SUCCEEDED.value,
        amount_cents=cents,
        amount_captured_cents=cents,
        idempotency_key=f"pi-{uuid.uuid4()}",
        created_at=NOW,
        updated_at=NOW,
    )


def _refund(payment: Payment, cents: int, method: RefundMethod, reason: str = "test") -> Refund:
    return Refund.objects.create(
        payment=payment,
        amount_cents=cents,
        reason_key=reason,
        method=method.value,
        status=RefundState.SUCCEEDED.value,
        idempotency_key=f"rf-{uuid.uuid4()}",
        run_at=NOW,
        requested_at=NOW,
        updated_at=NOW,
    )


def _settled(payment: Payment) -> PaymentSettled:
    return PaymentSettled(
        payment_id=payment.pk,
        booking_id=payment.booking_id,
        amount_cents=payment.amount_captured_cents,
        kind=payment.kind,
    )


def _sent(refund: Refund) -> RefundSent:
    return RefundSent(
        payment_id=refund.payment_id,
        booking_id=refund.payment.booking_id,
        amount_cents=refund.amount_cents,
        refund_id=refund.pk,
    )


def _failed(refund: Refund) -> RefundFailed:
    return RefundFailed(
        payment_id=refund.payment_id,
        booking_id=refund.payment.booking_id,
        amount_cents=refund.amount_cents,
        refund_id=refund.pk,
    )


def test_a_paid_and_cancelled_booking_is_in_the_books_to_the_cent(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert _books() == [
        ("payment:settled", "STRIPE", 4250),
        ("payment:settled", "CUSTOMER", -4250),
    ]
    assert sums_of_bookings(booking_ids=[booking.pk]) == {booking.pk: Sums(4250, 0)}

    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    assert _books()[2:] == [
        ("refund:sent:0", "CUSTOMER", 4250),
        ("refund:sent:0", "STRIPE", -4250),
    ]
    assert sums_of_payments(payment_ids=[opened.payment.pk]) == {
        opened.payment.pk: Sums(4250, 4250)
    }
    assert breaches() == []


def test_money_paid_on_a_hold_is_the_bookings_once_there_is_one(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert set(LedgerEntry.objects.values_list("booking_id", flat=True)) == {None}
    booking = book_hold(held)
    assert sums_of_bookings(booking_ids=[booking.pk]) == {booking.pk: Sums(4250, 0)}
    assert breaches() == []


def test_a_refund_that_comes_back_is_posted_back(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    refund = Refund.objects.get()
    found = ProviderRefund(
        id=refund.provider_refund_id or "",
        intent_id=opened.payment.provider_intent_id or "",
        status="failed",
        amount_cents=refund.amount_cents,
        failure_reason="expired_or_canceled_card",
        metadata={},
    )
    for _ in range(2):
        record_provider_refund(refund_id=refund.pk, found=found, now=NOW)
    assert _books()[4:] == [
        ("refund:returned:1", "STRIPE", 4250),
        ("refund:returned:1", "CUSTOMER", -4250),
    ]
    assert sums_of_bookings(booking_ids=[booking.pk])[booking.pk] == Sums(4250, 0)
    assert [breach for breach in breaches() if breach.code == "I11"] == []


def test_every_movement_is_posted_once_however_often_it_is_stated() -> None:
    payment = _captured()
    refund = _refund(payment, 2000, RefundMethod.CARD)
    for _ in range(3):
        post_payment(_settled(payment))
    for _ in range(3):
        post_refund(_sent(refund))
    assert len(_books()) == 4
    # Out, back, and out again: three movements, each once.
    for _ in range(2):
        post_returned_refund(_failed(refund))
    for _ in range(2):
        post_refund(_sent(refund))
    assert [name for name, account, _ in _books() if account == "CUSTOMER"] == [
        "payment:settled",
        "refund:sent:0",
        "refund:returned:1",
        "refund:sent:2",
    ]
    assert sums_of_payments(payment_ids=[payment.pk])[payment.pk] == Sums(5000, 2000)


def test_a_refund_that_never_went_out_moves_nothing() -> None:
    post_returned_refund(_failed(_refund(_captured(), 100, RefundMethod.CARD)))
    assert _books() == []


def test_cash_comes_into_and_leaves_our_hands_not_stripes() -> None:
    payment = _captured(method=PaymentMethod.CASH)
    post_payment(_settled(payment))
    post_refund(_sent(_refund(payment, 1500, RefundMethod.BY_HAND)))
    assert _books() == [
        ("payment:settled", "HAND", 5000),
        ("payment:settled", "CUSTOMER", -5000),
        ("refund:sent:0", "CUSTOMER", 1500),
        ("refund:sent:0", "HAND", -1500),
    ]


@pytest.mark.parametrize(
    ("is_won", "counted", "closing"),
    [
        (True, 0, [("dispute:closed", "STRIPE", 5000), ("dispute:closed", "DISPUTED", -5000)]),
        (
            False,
            5000,
            [("dispute:closed", "CUSTOMER", 5000), ("dispute:closed", "DISPUTED", -5000)],
        ),
        (
            False,
            3000,
            [
                ("dispute:closed", "CUSTOMER", 3000),
                ("dispute:closed", "DISPUTED", -3000),
                ("dispute:closed:rest", "LOSS", 2000),
                ("dispute:closed:rest", "DISPUTED", -2000),
            ],
        ),
    ],
    ids=["won", "lost", "lost beyond what was left"],
)
def test_disputed_money_waits_on_an_account_of_its_own(
    is_won: bool, counted: int, closing: list[tuple[str, str, int]]
) -> None:
    payment, dispute_id = _captured(), uuid.uuid4()
    opened = DisputeOpened(
        payment_id=payment.pk, booking_id=payment.booking_id, amount_cents=5000,
        dispute_id=dispute_id,
    )  # fmt: skip
    closed = DisputeClosed(
        payment_id=payment.pk, booking_id=payment.booking_id, amount_cents=5000,
        dispute_id=dispute_id, is_won=is_won,
    )  # fmt: skip
    for _ in range(2):
        post_withdrawal(opened)
    if counted:
        _refund(payment, counted, RefundMethod.DISPUTE, f"dispute-{dispute_id}")
    for _ in range(2):
        post_decision(closed)
    assert _books() == [
        ("dispute:opened", "DISPUTED", 5000),
        ("dispute:opened", "STRIPE", -5000),
        *closing,
    ]
    sums = sums_of_payments(payment_ids=[payment.pk]).get(payment.pk, NOTHING)
    assert sums.refunded_cents == counted


def test_the_database_refuses_a_group_that_does_not_balance() -> None:
    payment = _captured()
    row = LedgerEntry(
        group_id=uuid.uuid4(),
        movement="one-sided",
        account="STRIPE",
        amount_cents=1,
        payment=payment,
        occurred_at=NOW,
    )
    with pytest.raises(IntegrityError, match="off by 1 cents"), transaction.atomic():
        row.save()
    assert LedgerEntry.objects.count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments_ledgerentry SET amount_cents = amount_cents + 1",
        "UPDATE payments_ledgerentry SET occurred_at = now()",
        "DELETE FROM payments_ledgerentry",
    ],
)
def test_the_database_refuses_to_change_or_forget_a_row(statement: str) -> None:
    post_payment(_settled(_captured()))
    before = list(LedgerEntry.objects.order_by("id").values())
    with pytest.raises(Exception, match="never changed") as refused, transaction.atomic():
        connection.cursor().execute(statement)
    assert sqlstate(refused.value) == "23001"
    assert list(LedgerEntry.objects.order_by("id").values()) == before
