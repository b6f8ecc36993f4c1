"""Count a refund that somebody made on Stripe's own page: the repair of an unknown refund."""

from __future__ import annotations

from datetime import datetime

from bookings.errors import InvalidStatusTransition
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.errors import NotFound
from payments import stripe_gateway as gateway
from payments.actions.request_refund import captured_of, given_back_of, new_refund
from payments.actions.send_refund import record_provider_refund
from payments.ledger import refundable_cents
from payments.locks import lock_payment
from payments.models import Refund
from payments.provider import ProviderRefund
from payments.queries import payment_of_intent
from payments.staff import reason_of, who


def adopt_refund(*, provider_refund_id: str, note: str, actor: Actor, now: datetime) -> Refund:
    """Make a refund of Stripe's a row of ours; `note` says why it was made, and stays.

    Adopting twice is once. Raises `NotFound` when its charge is none of ours, `ValidationFailed`
    without a note, `InvalidStatusTransition` when that money is promised back otherwise,
    `GatewayError`.
    """
    why = reason_of(note)
    found = gateway.retrieve_refund(provider_refund_id=provider_refund_id)
    refund = transactions.run(lambda: _adopt(found, why, actor, now))
    record_provider_refund(refund_id=refund.pk, found=found, now=now, actor=actor)
    refund.refresh_from_db()
    return refund


def _adopt(found: ProviderRefund, why: str, actor: Actor, now: datetime) -> Refund:
    named = payment_of_intent(intent_id=found.intent_id)
    if named is None:
        raise NotFound
    payment = lock_payment(payment_id=named.pk).payment
    known = list(Refund.objects.filter(payment=payment))
    adopted = next((row for row in known if row.provider_refund_id == found.id), None)
    if adopted is not None:
        return adopted
    left = refundable_cents(captured_of(payment), [given_back_of(row) for row in known])
    if found.amount_cents > left:
        raise InvalidStatusTransition("That money is promised back otherwise.")
    refund = new_refund(
        payment=payment,
        amount_cents=found.amount_cents,
        reason_key=f"stripe-{found.id}"[:80],
        now=now,
        recorded_by=who(actor),
        note=why,
    )
    refund.provider_refund_id = found.id
    refund.sent_at = now
    refund.save(update_fields=["provider_refund_id", "sent_at"])
    return refund
