"""Look once more at what differed, when somebody has just put it right."""

from __future__ import annotations

from datetime import datetime

from payments import mismatches
from payments.books import Mismatch
from payments.fresh_look import look_at_intent, look_at_refund


def recheck_difference(*, key: str, how: str, now: datetime) -> bool:
    """Close an open difference that Stripe's records no longer show, saying `how`; tell if so.

    Only an intent or a refund of Stripe's can be looked at by itself: the rest waits for the next
    comparison. Raises `GatewayError`.
    """
    row = Mismatch.objects.filter(key=key, resolved_at__isnull=True).first()
    if row is None:
        return False
    subject, _, name = row.subject.partition(":")
    match subject:
        case "intent":
            found = look_at_intent(intent_id=name)
        case "refund":
            found = look_at_refund(provider_refund_id=name)
        case _:
            return False
    if found is not None:
        return False
    return bool(mismatches.resolve_all_but(found=[], seen_before=[row], now=now, how=how))
