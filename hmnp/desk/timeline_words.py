"""A booking's timeline as people read it: what happened, who did it, what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bookings.models import TimelineEvent
from bookings.states import TimelineAction
from hmnp.core.money import show
from hmnp.core.pages import clock
from hmnp.desk.people import names_of

_DONE = {
    TimelineAction.CREATED: "Booked",
    TimelineAction.UPDATED: "Changed",
    TimelineAction.RESCHEDULED: "Moved",
    TimelineAction.CONFIRMED: "Confirmed",
    TimelineAction.ASSIGNED: "Given to another notary",
    TimelineAction.STARTED: "Begun",
    TimelineAction.COMPLETED: "Done",
    TimelineAction.NO_SHOW: "Nobody was there",
    TimelineAction.CANCELLED: "Cancelled",
    TimelineAction.EXPIRED: "Expired: not paid in time",
    TimelineAction.PAYMENT_PROCESSED: "Paid",
    TimelineAction.PAYMENT_FAILED: "A card was declined",
    TimelineAction.REFUNDED: "Paid back",
    TimelineAction.DEPOSIT_WAIVED: "Nothing is collected beforehand",
    TimelineAction.MESSAGE_SENT: "Message sent",
    TimelineAction.INTEGRATION_SYNCED: "Told outside",
}
_FIELDS = {
    "starts_at": "start",
    "price_cents": "price",
    "due_now_cents": "due at once",
    "zip_code": "ZIP",
    "customer_name": "name",
    "customer_email": "e-mail",
    "customer_phone": "phone",
    "signer_details": "signers' details",
    "special_instructions": "instructions",
    "cancel_reason": "reason",
    "cancel_kept_cents": "kept",
    "cancel_refund_cents": "goes back",
    "deposit_waived_reason": "reason",
    "amount_paid_cents": "paid in all",
    "amount_refunded_cents": "paid back in all",
    "move_fee_cents": "fee for moving",
    "ron_status": "session",
}
# Told by the sentence itself, or of no use to a reader.
_SILENT = frozenset(
    {
        "status",
        "ends_at",
        "tier_starts_at",
        "expires_at",
        "confirmed_at",
        "cancelled_at",
        "cancelled_by",
        "cancel_tier",
        "refund_status",
        "is_emergency",
        "ron_join_url",
        "timezone",
    }
)
_NOTES = {
    "overrideReason": "set aside because",
    "reason": "because",
    "declineCode": "the bank says",
    "message": "message",
    "channel": "by",
    "delivery": "then",
    "system": "system",
    "destination": "system",
    "dispute": "dispute",
    "kind": "for",
}
_RULES = {
    "outside_hours": "hours",
    "inside_notice": "notice",
    "beyond_horizon": "how far ahead",
    "blackout": "a day we are closed",
}


@dataclass(frozen=True)
class Told:
    """One row of the timeline; `facts` are what changed and what else is known of it."""

    at: datetime
    what: str
    who: str
    facts: list[str]
    origin: str


def told(
    events: Iterable[TimelineEvent], *, zone: ZoneInfo, notaries: Mapping[int, str]
) -> list[Told]:
    """Put a timeline in words, in its order; who did what costs two statements."""
    rows = list(events)
    names = names_of((row.actor_type, row.actor_id) for row in rows)
    return [
        Told(
            at=row.at,
            what=_DONE.get(TimelineAction(row.action), row.action),
            who=names[row.actor_type, row.actor_id],
            facts=[*_changes(row, zone, notaries), *_notes(row)],
            origin=row.ip_address or "",
        )
        for row in rows
    ]


def _changes(row: TimelineEvent, zone: ZoneInfo, notaries: Mapping[int, str]) -> list[str]:
    found = []
    for name, pair in row.changes.items():
        if name in _SILENT or not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 -- before and after
            continue
        before, after = (_value(name, value, zone, notaries) for value in pair)
        label = _FIELDS.get(name, name.removesuffix("_id").replace("_", " "))
        if before == after:
            found.append(f"another {label}")
        elif before in ("", "–"):
            found.append(f"{label}: {after}")
        else:
            found.append(f"{label}: {before} → {after}")
    return found


def _value(name: str, value: Any, zone: ZoneInfo, notaries: Mapping[int, str]) -> str:
    if value in (None, ""):
        return "–"
    if name == "notary_id":
        return notaries.get(value, str(value))
    if name.endswith("_cents") and isinstance(value, int):
        return show(value)
    if name.endswith("_at") and isinstance(value, str):
        return _moment(value, zone)
    return str(value)


def _moment(text: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {clock(at, zone=zone)}"


def _notes(row: TimelineEvent) -> list[str]:
    said = row.metadata
    found = [f"{words} {said[name]}" for name, words in _NOTES.items() if said.get(name)]
    if rules := said.get("waivedRules"):
        found.append("set aside: " + ", ".join(_RULES.get(rule, rule) for rule in rules))
    for name, words in (
        ("amountCents", ""),
        ("priceCents", "price"),
        ("listPriceCents", "price list"),
        ("agreedTravelCents", "agreed for the way"),
    ):
        if isinstance(said.get(name), int):
            found.append(f"{words} {show(said[name])}".strip())
    if said.get("failed"):
        found.append("did not go through")
    return found
