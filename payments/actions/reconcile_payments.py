"""Compare Stripe's own records with ours in both directions; mend what is safe, case the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import DomainError
from payments import candidates, mismatches, stripe_listing
from payments import stripe_gateway as gateway
from payments.actions.attend_payment import attend_payment
from payments.actions.refund_unknown_charge import GRACE, refund_unknown_charge
from payments.actions.send_refund import record_provider_refund
from payments.actions.settle_payment import settle_payment
from payments.actions.take_undelivered import take_undelivered
from payments.comparison import REFUND_UNKNOWN, SETTLE, Found
from payments.fresh_look import look_at_intent, look_at_refund
from payments.models import Payment
from payments.provider import GatewayError
from payments.queries import payment_of_intent, refund_of_provider
from payments.reconciliation import Line, Report
from payments.states import MismatchKind

logger = logging.getLogger(__name__)

_COMPARED = [kind for kind in MismatchKind if kind is not MismatchKind.UNDELIVERED]


def reconcile_payments(
    *,
    since: datetime,
    now: datetime,
    grace: timedelta | None = GRACE,
    is_read_only: bool = False,
) -> Report:
    """Compare everything made at Stripe or here since then, and what was open from before.

    Payments and refunds of ours that are only behind are settled as a webhook would settle them;
    a charge that is none of ours is refunded once `grace` has passed since it was made (None:
    never); everything else becomes a case. Raises `GatewayError`; the next run starts over.
    """
    report = take_undelivered(since=since, now=now, is_read_only=is_read_only)
    before = mismatches.open_mismatches(kinds=_COMPARED)
    intents = stripe_listing.list_intents(since=since)
    refunds = stripe_listing.list_refunds(since=since)
    report.intents, report.refunds = len(intents), len(refunds)

    def mend(found: Found) -> str:
        return "" if is_read_only else _mend(found, now, grace)

    lines = [
        *_each(
            candidates.doubtful_intents(listed=intents, since=since) + _ids(before, "intent"),
            lambda intent_id: look_at_intent(intent_id=intent_id),
            mend,
        ),
        *_each(
            candidates.doubtful_refunds(listed=refunds, since=since) + _ids(before, "refund"),
            lambda refund_id: look_at_refund(provider_refund_id=refund_id),
            mend,
        ),
        *(Line(found, "") for found in candidates.money_without_a_reference()),
    ]
    for line in lines:
        outcome = line.outcome or ("found" if is_read_only else "a case")
        report.lines.append(Line(line.found, outcome))
        if not is_read_only:
            is_mended = line.outcome.startswith(_MENDED)
            mismatches.record(found=line.found, now=now, mended=outcome if is_mended else "")
            crashpoint("reconcile.recorded")
    if not is_read_only:
        mismatches.resolve_all_but(
            found=[line.found for line in report.lines], seen_before=before, now=now
        )
    return report


def _ids(rows: Iterable[object], kind: str) -> list[str]:
    subjects = [str(getattr(row, "subject", "")).partition(":") for row in rows]
    return [name for prefix, _, name in subjects if prefix == kind]


_MENDED = "mended: "


def _each(
    ids: Iterable[str], look: Callable[[str], Found | None], mend: Callable[[Found], str]
) -> list[Line]:
    """Look at each once, try to mend what differs, and look again."""
    lines = []
    for one in dict.fromkeys(ids):
        found = look(one)
        if found is None:
            continue
        try:
            how = mend(found)
            after = look(one) if how else found
        except (GatewayError, DomainError) as error:
            logger.warning("difference not mended", extra={"gateway_error": str(error)})
            lines.append(Line(found, f"a case; not mended: {error}"))
            continue
        if how and after is None:
            lines.append(Line(found, f"{_MENDED}{how}"))
        else:
            lines.append(Line(after or found, ""))
    return lines


def _mend(found: Found, now: datetime, grace: timedelta | None) -> str:
    """Do what is safe without a person; say what, "" when nothing is."""
    kind, _, name = found.subject.partition(":")
    if found.repair == REFUND_UNKNOWN and grace is not None:
        return refund_unknown_charge(intent_id=name, now=now, grace=grace)
    if found.repair != SETTLE:
        return ""
    if kind == "intent":
        return _settle_payment(name, now)
    return _settle_refund(name, now)


def _settle_payment(intent_id: str, now: datetime) -> str:
    named = gateway.retrieve_intent(intent_id=intent_id).metadata.get("payment_id", "")
    payment = payment_of_intent(intent_id=intent_id, payment_id=named)
    if payment is None:
        return ""
    if payment.provider_intent_id is None:
        attend_payment(payment_id=payment.pk, now=now)
    settle_payment(payment_id=payment.pk, now=now)
    status = Payment.objects.values_list("status", flat=True).get(pk=payment.pk)
    return f"settled, {status} now"


def _settle_refund(provider_refund_id: str, now: datetime) -> str:
    found = gateway.retrieve_refund(provider_refund_id=provider_refund_id)
    refund = refund_of_provider(
        provider_refund_id=provider_refund_id, refund_id=found.metadata.get("refund_id", "")
    )
    if refund is None:
        return ""
    record_provider_refund(refund_id=refund.pk, found=found, now=now)
    return f"settled, {found.status} now"
