"""Writing and reading what happened to a booking; in the transaction that made it so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from bookings.models import Booking, TimelineEvent
from bookings.states import TimelineAction
from hmnp.core.context import Actor
from hmnp.core.rows import Rows
from hmnp.core.transactions import RollBackAndRetry

# The timeline outlives the customer's wish to be forgotten: that these changed, not to what.
_PERSONAL = frozenset(
    {
        "customer_name",
        "customer_email",
        "customer_phone",
        "street",
        "unit",
        "signer_details",
        "special_instructions",
    }
)
_MASK = "•••"


def record(
    *,
    booking: Booking,
    action: TimelineAction,
    actor: Actor,
    now: datetime,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    rows: Rows | None = None,
) -> TimelineEvent:
    """Append one fact to a booking's timeline, at once or with the `rows` that wait."""
    event = TimelineEvent(
        booking=booking,
        action=action,
        actor_type=actor.type,
        actor_id=actor.id,
        changes={
            name: [_MASK, _MASK] if name in _PERSONAL else [_plain(before), _plain(after)]
            for name, (before, after) in (changes or {}).items()
        },
        metadata={name: _plain(value) for name, value in (metadata or {}).items()},
        request_id=actor.request_id,
        ip_address=actor.ip,
        user_agent=actor.user_agent,
        at=now,
    )
    if rows is None:
        event.save(force_insert=True)
    else:
        rows.add(event)
    return event


def apply(
    *,
    booking: Booking,
    action: TimelineAction,
    actor: Actor,
    now: datetime,
    changes: Mapping[str, Any],
    beside: Mapping[str, tuple[Any, Any]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    rows: Rows | None = None,
) -> None:
    """Change fields of a locked booking by compare-and-swap, raise its version, say so.

    `beside` tells of what changed in rows that belong to it, before and after. A booking that waits
    among `rows` is nobody else's yet. Raises `RollBackAndRetry` when the row is not the one that
    was read.
    """
    before = {name: getattr(booking, name) for name in changes}
    if rows is None or not rows.is_waiting(booking):
        swapped = Booking.objects.filter(
            pk=booking.pk, version=booking.version, status=booking.status
        ).update(**changes, version=booking.version + 1, updated_at=now)
        if swapped != 1:
            raise RollBackAndRetry
    for name, value in changes.items():
        setattr(booking, name, value)
    booking.version += 1
    booking.updated_at = now
    record(
        booking=booking,
        action=action,
        actor=actor,
        now=now,
        changes={
            name: (before[name], value)
            for name, value in changes.items()
            if before[name] != value and name not in ("pricing", "policy")
        }
        | dict(beside or {}),
        metadata=metadata,
        rows=rows,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str | int | float | bool | list | dict) or value is None:
        return value
    return str(value)
