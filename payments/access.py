"""Who may see a payment: whoever may see its booking, holds its time, or has its secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

from bookings import holders
from bookings.errors import HoldNotFound
from bookings.models import SlotClaim
from bookings.queries import check_access, visible_to
from hmnp.accounts.principals import Kind, Principal
from hmnp.core.errors import NotFound, Unauthenticated
from payments.actions.request_intent import hash_client_secret
from payments.models import Payment


@dataclass(frozen=True)
class Credentials:
    """Everything a request may prove itself with; one that fits is enough."""

    principal: Principal
    hold_token: str = ""
    client_secret: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing at all was sent."""
        is_anonymous = self.principal.kind is Kind.ANONYMOUS
        return is_anonymous and not self.hold_token and not self.client_secret


def allowed_payment(*, payment: Payment | None, credentials: Credentials, now: datetime) -> Payment:
    """Give the payment if the credentials open it.

    Raises `Unauthenticated` without any or with a customer's token that has ended, and `NotFound`
    alike for a foreign payment and for none.
    """
    if credentials.is_empty:
        raise Unauthenticated
    if credentials.principal.token is not None:
        check_access(token=credentials.principal.token, now=now)
    if payment is None or not (
        _has_secret(payment, credentials.client_secret)
        or _holds(payment, credentials.hold_token)
        or _sees_booking(payment, credentials.principal)
    ):
        raise NotFound
    return payment


def _has_secret(payment: Payment, client_secret: str) -> bool:
    if not client_secret or not payment.client_secret_hash:
        return False
    return hmac.compare_digest(hash_client_secret(client_secret), payment.client_secret_hash)


def _holds(payment: Payment, hold_token: str) -> bool:
    if not hold_token or payment.claim_id is None:
        return False
    try:
        token = holders.verify_hold_token(text=hold_token, claim_id=payment.claim_id)
        holders.check_token(claim=SlotClaim.objects.get(pk=payment.claim_id), token=token)
    except HoldNotFound:
        return False
    return True


def _sees_booking(payment: Payment, principal: Principal) -> bool:
    if principal.kind is Kind.STAFF:
        return True
    if payment.booking_id is None:
        claim = payment.claim
        is_partner = principal.kind is Kind.PARTNER
        return is_partner and claim is not None and claim.holder_key == principal.holder_key
    return visible_to(principal).filter(pk=payment.booking_id).exists()
