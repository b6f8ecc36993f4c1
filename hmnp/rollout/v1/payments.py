"""A V1 payment as one of ours. Pure but for the ids it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1.context import our_id
from hmnp.rollout.v1.times import instant
from hmnp.rollout.v1.values import Row, money, pick, text
from payments.actions.import_payments import FormerPayment
from payments.states import CAPTURED_PAYMENTS, PaymentKind, PaymentMethod, PaymentStatus

_CAME = ("COMPLETED", "PAID", "SUCCEEDED", "REFUNDED", "PARTIALLY_REFUNDED")
_NEVER_CAME = {
    "PENDING": PaymentStatus.CANCELLED,
    "PROCESSING": PaymentStatus.CANCELLED,
    "VOIDED": PaymentStatus.CANCELLED,
    "FAILED": PaymentStatus.FAILED,
}
# Written by V1's deposit route, though its own list does not have them: nothing was asked.
_NO_MONEY = ("NOT_REQUIRED", "WAIVED_PROMO", "WAIVED")


@dataclass(frozen=True)
class Fate:
    """What becomes of one row of V1's Payment."""

    v1_id: str
    state: RowState
    target: str = ""
    reason: str = ""


@dataclass
class Money:
    """A booking's payments, and the fates of the rows they came from."""

    payments: list[FormerPayment] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    # Checkout sessions and intents as V1 kept them, by the payment's V1 id.
    named: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def paid_cents(self) -> int:
        """What came."""
        return sum(one.amount_cents for one in self.payments if one.is_captured)

    @property
    def refunded_cents(self) -> int:
        """What went back."""
        return sum(one.refunded_cents for one in self.payments)


def captured_and_refunded(row: Row) -> tuple[int, int]:
    """Give the cents a payment row says came and went back. Raises ValueError."""
    status = str(row.get("status") or "").upper()
    amount = money(row.get("amount")) or 0
    if status not in _CAME or amount <= 0:
        return 0, 0
    given = money(row.get("refundedAmount")) or 0
    if status == "REFUNDED" and not given:
        given = amount
    return amount, min(max(given, 0), amount)


def read_money(
    *,
    booking: Row,
    booking_id: UUID,
    price_cents: int,
    rows: Iterable[Row],
    created_at: datetime,
    refund_reason_key: str,
    used_intents: set[str],
) -> Money:
    """Read all money of one booking, oldest first; `used_intents` grows by what is named here.

    What the booking says was paid beyond its payment rows becomes a payment of its own. Raises
    ValueError when the booking's own sums are none.
    """
    found = Money()
    ordered = sorted(rows, key=lambda row: str(row.get("createdAt") or row.get("paidAt") or ""))
    for row in ordered:
        fate, payment = _read_row(row, booking_id, created_at, refund_reason_key, used_intents)
        found.fates.append(fate)
        if payment is not None:
            found.payments.append(payment)
        found.named += _named(row)
    found.payments += _said_only_by_the_booking(booking, booking_id, found, created_at)
    found.payments = list(_of_kinds(found.payments, price_cents))
    return found


def _read_row(
    row: Row,
    booking_id: UUID,
    created_at: datetime,
    refund_reason_key: str,
    used_intents: set[str],
) -> tuple[Fate, FormerPayment | None]:
    v1_id = str(row["id"])
    status = str(row.get("status") or "").strip().upper()
    if status in _NO_MONEY:
        return Fate(v1_id, RowState.MERGED, str(booking_id), f"{status}: nothing was asked"), None
    try:
        amount = money(row.get("amount"))
        captured, refunded = captured_and_refunded(row)
    except ValueError as error:
        return Fate(v1_id, RowState.REJECTED, reason=str(error)), None
    if amount is None or amount <= 0:
        return Fate(v1_id, RowState.REJECTED, reason="the amount is not above 0"), None
    if status not in _CAME and status not in _NEVER_CAME:
        return Fate(v1_id, RowState.REJECTED, reason=f"payment status {status!r} is none"), None
    method, intent = _method(row, used_intents)
    paid_at = instant(pick(row, "paidAt", "createdAt")) or created_at
    payment = FormerPayment(
        id=our_id(Table.PAYMENT, v1_id),
        booking_id=booking_id,
        kind=PaymentKind.BALANCE,
        method=method,
        status=_status(status, captured, refunded),
        amount_cents=amount,
        refunded_cents=refunded,
        refund_reason_key=refund_reason_key,
        intent_id=intent,
        recorded_by="" if method is PaymentMethod.CARD else "v1",
        note=_note(row),
        created_at=instant(row.get("createdAt")) or paid_at,
        settled_at=paid_at,
        refunded_at=instant(row.get("refundedAt")) or (paid_at if refunded else None),
    )
    note = ""
    if status == "PARTIALLY_REFUNDED" and not refunded:
        note = "partially refunded, V1 does not say how much: taken as 0"
    elif (money(row.get("refundedAmount")) or 0) > amount:
        note = "V1 says more went back than came: taken as all of it"
    return Fate(v1_id, RowState.IMPORTED, str(payment.id), note), payment


def _status(status: str, captured: int, refunded: int) -> PaymentStatus:
    if not captured:
        return _NEVER_CAME[status]
    if not refunded:
        return PaymentStatus.SUCCEEDED
    return PaymentStatus.REFUNDED if refunded == captured else PaymentStatus.PARTIALLY_REFUNDED


def _method(row: Row, used_intents: set[str]) -> tuple[PaymentMethod, str | None]:
    """Say how money came. Only a real intent, named once, is a card payment like ours."""
    provider = str(row.get("provider") or "").upper()
    way = str(row.get("paymentMethod") or row.get("method") or "").upper()
    for name in (row.get("paymentIntentId"), row.get("transactionId")):
        if not isinstance(name, str) or not name.startswith("pi_") or len(name) > 80:
            continue
        if name not in used_intents:
            used_intents.add(name)
            return PaymentMethod.CARD, name
    if provider == "CASH" or "CASH" in way:
        return PaymentMethod.CASH, None
    if provider == "CHECK" or "CHECK" in way:
        return PaymentMethod.CHEQUE, None
    if provider == "MANUAL" or way == "PAY_ON_SITE":
        return PaymentMethod.CASH, None
    return PaymentMethod.FORMER, None


def _note(row: Row) -> str:
    provider = str(row.get("provider") or "V1").upper()[:20]
    names = dict.fromkeys(
        str(name) for name in (row.get("paymentIntentId"), row.get("transactionId")) if name
    )
    return " ".join([f"V1 {provider}", *names])[:200]


def _named(row: Row) -> list[tuple[str, str, str]]:
    """Give what V1 called it at Stripe; a Checkout session is no intent, whatever its column."""
    found = []
    for name in (row.get("paymentIntentId"), row.get("transactionId"), row.get("stripeSessionId")):
        if isinstance(name, str) and name.startswith("pi_"):
            found.append((str(row["id"]), "payment_intent", name[:255]))
        elif isinstance(name, str) and name.startswith("cs_"):
            found.append((str(row["id"]), "checkout_session", name[:255]))
    return found


def _said_only_by_the_booking(
    booking: Row, booking_id: UUID, found: Money, created_at: datetime
) -> list[FormerPayment]:
    """Make a payment of what the booking says was paid and no payment row shows."""
    said = money(booking.get("totalPaid")) or 0
    by_hand = said > found.paid_cents
    if not by_hand and not found.paid_cents and not said:
        is_paid = str(booking.get("depositStatus") or "").upper() in ("COMPLETED", "PAID")
        said = (money(booking.get("depositAmount")) or 0) if is_paid else 0
    missing = said - found.paid_cents
    if missing <= 0:
        return []
    paid_at = instant(booking.get("paidAt")) or created_at
    who = text(booking, "paidMarkedByUserId", most=60)
    is_cash = by_hand and not booking.get("stripeSessionId")
    return [
        FormerPayment(
            id=uuid5(booking_id, "paid"),
            booking_id=booking_id,
            kind=PaymentKind.BALANCE,
            method=PaymentMethod.CASH if is_cash else PaymentMethod.FORMER,
            status=PaymentStatus.SUCCEEDED,
            amount_cents=missing,
            refunded_cents=0,
            refund_reason_key="v1",
            intent_id=None,
            recorded_by=f"v1:{who}" if who else "v1",
            note="V1's booking says so, no payment row does",
            created_at=paid_at,
            settled_at=paid_at,
            refunded_at=None,
        )
    ]


def _of_kinds(payments: list[FormerPayment], price_cents: int) -> Iterable[FormerPayment]:
    """Call the first money that is kept a deposit, or the full price; the rest pays the balance."""
    is_first = True
    for one in payments:
        is_kept = one.status in CAPTURED_PAYMENTS and one.amount_cents > one.refunded_cents
        if is_first and is_kept:
            is_first = False
            is_full = one.amount_cents >= price_cents
            yield replace(one, kind=PaymentKind.FULL if is_full else PaymentKind.DEPOSIT)
        else:
            yield one
