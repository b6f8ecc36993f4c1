"""Take the events that Stripe could not deliver: each is a hint like any other."""

from __future__ import annotations

from datetime import datetime

from hmnp.core.errors import DomainError
from payments import mismatches
from payments import stripe_gateway as gateway
from payments.actions.take_hint import HintOutcome, take_hint
from payments.comparison import Found
from payments.provider import GatewayError, StripeEvent
from payments.reconciliation import Line, Report
from payments.states import MismatchKind


def take_undelivered(*, since: datetime, now: datetime, is_read_only: bool = False) -> Report:
    """Act on every undelivered event since then that was not taken before; oldest first.

    What cannot be taken now stays open and is tried by the next run. Raises `GatewayError` when
    Stripe cannot be asked for them.
    """
    events = sorted(
        gateway.list_undelivered_events(since=since), key=lambda event: event.created_at
    )
    keys = {event.id: _found(event).key for event in events}
    done = mismatches.was_mended(keys=keys.values())
    report = Report()
    seen: dict[tuple[str, str, str], str] = {}
    for event in events:
        if keys[event.id] in done:
            continue
        outcome = "found" if is_read_only else _take_once(event, now, seen)
        report.lines.append(Line(_found(event), outcome))
    if not is_read_only:
        mismatches.resolve_all_but(
            found=[line.found for line in report.lines],
            seen_before=mismatches.open_mismatches(kinds=[MismatchKind.UNDELIVERED]),
            now=now,
        )
    return report


def _take_once(event: StripeEvent, now: datetime, seen: dict[tuple[str, str, str], str]) -> str:
    """Take an event, unless another one of this run was about the same object."""
    found = _found(event)
    about = (event.object_type, event.object_id, event.intent_id)
    if about not in seen:
        try:
            seen[about] = _TAKEN[take_hint(event=event, now=now)]
        except (GatewayError, DomainError) as error:
            mismatches.record(found=found, now=now)
            return f"not taken: {error}"
    mismatches.record(found=found, now=now, mended=seen[about])
    return seen[about]


_TAKEN = {
    HintOutcome.DONE: "taken",
    HintOutcome.UNKNOWN: "taken: nothing of ours",
    HintOutcome.IGNORED: "taken: of no interest",
}


def _found(event: StripeEvent) -> Found:
    return Found(
        MismatchKind.UNDELIVERED,
        f"event:{event.id}",
        f"Stripe could not deliver {event.type} of {event.object_id}."[:300],
        "take_again",
    )
