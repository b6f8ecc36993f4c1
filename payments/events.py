"""The facts payments states; whoever lives above reacts in the same transaction, with rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hmnp.core.events import Event


@dataclass(frozen=True)
class PaymentEvent(Event):
    """A fact about one payment; `booking_id` is None while only a hold is paid for."""

    payment_id: UUID
    booking_id: UUID | None
    amount_cents: int


@dataclass(frozen=True)
class PaymentSettled(PaymentEvent):
    """The provider has `amount_cents` of the customer's money."""

    kind: str


@dataclass(frozen=True)
class PaymentFailed(PaymentEvent):
    """An attempt to pay `amount_cents` was declined; `attempt_id` is the provider's name for it."""

    decline_code: str
    attempt_id: str


@dataclass(frozen=True)
class RefundSent(PaymentEvent):
    """The provider has paid `amount_cents` back."""

    refund_id: UUID


@dataclass(frozen=True)
class RefundFailed(PaymentEvent):
    """`amount_cents` could not be paid back and stayed with us; a person must act."""

    refund_id: UUID


@dataclass(frozen=True)
class LateChoiceOffered(PaymentEvent):
    """Other times are kept for money that came when its own was gone, until `expires_at`."""

    choice_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class PayLinkRequested(Event):
    """Staff want the customer to be sent the way to pay what is due."""

    booking_id: UUID
    requested_at: datetime


@dataclass(frozen=True)
class DisputeOpened(PaymentEvent):
    """The customer's bank asks `amount_cents` back."""

    dispute_id: UUID


@dataclass(frozen=True)
class DisputeClosed(PaymentEvent):
    """The bank has decided about `amount_cents`; when not won, it has taken them back."""

    dispute_id: UUID
    is_won: bool
