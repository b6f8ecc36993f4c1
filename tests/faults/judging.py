"""What must be true at rest: the rows, the outside ledger, and what customers were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.faults.flows import Flow
from tests.faults.site import Site

_ENDED = {"succeeded", "canceled"}


def judge(site: Site, flows: Iterable[Flow] = ()) -> None:
    """Assert, of a site at rest, that nothing is broken, doubled, lost or forgotten."""
    ledger = site.ledger()
    found = [*site.surprises, *site.breaches(), *ledger_differences(site, ledger)]
    confirmed = Counter(
        address
        for mail in ledger["mails"]
        if mail["metadata"].get("message") == "confirmation"
        for address in mail["to"]
    )
    for flow in flows:
        promises = broken_promises(site, flow, confirmations=confirmed[flow.email])
        found += [f"{flow.name}: {what}" for what in promises]
    assert not found, "\n".join(found)


def ledger_differences(site: Site, ledger: Any) -> list[str]:
    """Compare our rows with what the outside systems hold, in both directions."""
    return [
        *_intents(site, ledger["payment_intents"]),
        *_refunds(site, ledger["refunds"], ledger["payment_intents"]),
        *_mails(site, ledger["mails"]),
    ]


def _intents(site: Site, intents: list[dict[str, Any]]) -> Iterable[str]:
    ours = {
        str(payment_id): (intent_id, captured, is_open)
        for payment_id, intent_id, captured, is_open in site.rows(
            "SELECT id, provider_intent_id, amount_captured_cents, "
            "status IN ('CREATED', 'REQUIRES_PAYMENT', 'PROCESSING') FROM payments_payment"
        )
    }
    for name, count in Counter(intent["metadata"].get("payment_id") for intent in intents).items():
        if count > 1:
            yield f"payment {name} has {count} intents"
    for intent in intents:
        known = ours.get(intent["metadata"].get("payment_id", ""))
        if intent["id"] in site.foreign:
            continue
        if known is None or known[0] != intent["id"]:
            yield f"{intent['id']} {intent['status']} belongs to no payment of ours ({known})"
        elif intent["amount_received"] != known[1]:
            yield f"{intent['id']} took {intent['amount_received']}, our row says {known[1]}"
        elif intent["status"] not in _ENDED and not known[2]:
            yield f"{intent['id']} is {intent['status']}, our payment has ended"
    held = {intent["id"] for intent in intents}
    for payment_id, (intent_id, _, _) in ours.items():
        if intent_id is not None and intent_id not in held:
            yield f"payment {payment_id} names {intent_id}, which nobody knows"


def _refunds(
    site: Site, refunds: list[dict[str, Any]], intents: list[dict[str, Any]]
) -> Iterable[str]:
    ours = {
        str(refund_id): (provider_id, cents, status)
        for refund_id, provider_id, cents, status in site.rows(
            "SELECT id, provider_refund_id, amount_cents, status FROM payments_refund "
            "WHERE method = 'CARD'"
        )
    }
    for name, count in Counter(
        one["metadata"].get("refund_id", one["id"]) for one in refunds
    ).items():
        if count > 1:
            yield f"refund {name} was made {count} times"
    for one in refunds:
        if one["payment_intent"] in site.foreign:
            continue
        known = ours.get(one["metadata"].get("refund_id", ""))
        if known != (one["id"], one["amount"], one["status"].upper()):
            yield f"{one['id']} {one['amount']} {one['status']} is {known} with us"
    made = {one["id"] for one in refunds}
    for refund_id, (provider_id, _, status) in ours.items():
        if status == "SUCCEEDED" and provider_id not in made:
            yield f"refund {refund_id} succeeded, and nobody made it"
    for intent in intents:
        back = sum(
            one["amount"]
            for one in refunds
            if one["payment_intent"] == intent["id"] and one["status"] in ("succeeded", "pending")
        )
        if back > intent["amount_received"]:
            yield f"{intent['id']} took {intent['amount_received']} and gave {back} back"


def _mails(site: Site, mails: list[dict[str, Any]]) -> Iterable[str]:
    jobs = {
        str(job_id): state
        for job_id, state in site.rows(
            "SELECT id, state FROM integrations_outboxjob WHERE destination = 'mail'"
        )
    }
    sent = Counter(mail["metadata"].get("job_id", "") for mail in mails)
    for job_id, count in sent.items():
        if count > 1:
            yield f"the mail of job {job_id} was sent {count} times"
        if job_id not in jobs:
            yield f"a mail names job {job_id}, which is none of ours"
    for job_id, state in jobs.items():
        if state not in ("SUCCEEDED", "SUPERSEDED"):
            yield f"job {job_id} ended {state}"
        elif (state == "SUCCEEDED") != (sent[job_id] == 1):
            yield f"job {job_id} is {state}, its mail was sent {sent[job_id]} times"


def broken_promises(site: Site, flow: Flow, *, confirmations: int) -> Iterable[str]:
    """Tell what one customer was told, or has paid, that is not so at rest."""
    booking = flow.booking()
    if flow.made and not booking:
        yield "its booking is gone"
        return
    if flow.held and not site.rows(
        "SELECT 1 FROM bookings_slotclaim WHERE id = %s", flow.held["holdId"]
    ):
        yield "its hold is gone"
    if flow.opened and site.rows(
        "SELECT provider_intent_id FROM payments_payment WHERE id = %s", flow.opened["paymentId"]
    ) != [(flow.opened["paymentIntentId"],)]:
        yield "its payment is gone"
    if booking:
        yield from _booking(site, flow, booking)
    elif flow.opened:
        yield from _payment_without_booking(site, flow)
    stood = bool(booking) and booking["status"] == "CONFIRMED"
    # A booking cancelled at once may have ended before its confirmation could be sent.
    if confirmations > 1 or (stood and confirmations == 0):
        yield f"{confirmations} confirmations were sent"


def _booking(site: Site, flow: Flow, booking: dict[str, Any]) -> Iterable[str]:
    kept = booking["amount_paid_cents"] - booking["amount_refunded_cents"]
    yield from _time(flow, booking)
    match booking["status"]:
        case "CONFIRMED":
            if booking["amount_paid_cents"] < booking["due_now_cents"] or flow.cancelled:
                yield f"CONFIRMED with {booking}"
        case "CANCELLED":
            # Days ahead of the appointment everything goes back.
            if not flow.cancelled_or_lost or kept:
                yield f"CANCELLED with {booking}"
        case "EXPIRED":
            if kept:
                yield f"EXPIRED with {booking}"
        case other:
            yield f"{other} at rest"
    if flow.charged and booking["status"] == "EXPIRED":
        yield "it paid in time for a booking, and the booking expired"
    if not flow.charged and booking["status"] == "CONFIRMED" and "card" not in flow.tried:
        yield "it never paid, and the booking stands"


def _time(flow: Flow, booking: dict[str, Any]) -> Iterable[str]:
    """A move whose answer arrived has been made; one whose answer was lost may have been."""
    if "move" in flow.done:
        possible = [flow.next_start]
    else:
        possible = [flow.start, flow.next_start] if "move" in flow.tried else [flow.start]
    if booking["starts_at"] not in map(datetime.fromisoformat, possible):
        yield f"it is at {booking['starts_at']}"


def _payment_without_booking(site: Site, flow: Flow) -> Iterable[str]:
    rows = site.rows(
        "SELECT p.status, p.amount_captured_cents, p.amount_refunded_cents, p.booking_id, c.state "
        "FROM payments_payment p JOIN bookings_slotclaim c ON c.id = p.claim_id WHERE p.id = %s",
        flow.opened["paymentId"],
    )
    status, captured, refunded, booking_id, claim_state = rows[0]
    if booking_id is None and (captured != refunded or claim_state not in ("RELEASED", "EXPIRED")):
        yield f"paid for nothing: {rows[0]}"
    if flow.charged and booking_id is None and status != "REFUNDED":
        yield f"its money is {status}"
