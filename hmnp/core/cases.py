"""What a person must decide: any floor states it, the desk keeps it.

A case is opened and closed in the transaction of the fact behind it, so it exists exactly when
the fact does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from hmnp.core.events import Event, emit


class CaseKind(StrEnum):
    """What the person is called for."""

    LATE_PAYMENT = "LATE_PAYMENT"
    PROCESSING_TOO_LONG = "PROCESSING_TOO_LONG"
    REFUND_FAILED = "REFUND_FAILED"
    REFUND_NOT_COVERED = "REFUND_NOT_COVERED"
    DISPUTE = "DISPUTE"
    MISMATCH = "MISMATCH"
    UNKNOWN_CHARGE = "UNKNOWN_CHARGE"
    INTEGRATION_DEAD = "INTEGRATION_DEAD"
    INTEGRATION_PAUSED = "INTEGRATION_PAUSED"
    OUTSIDE_MISMATCH = "OUTSIDE_MISMATCH"
    OUTSIDE_CHANGE = "OUTSIDE_CHANGE"
    CALENDAR_CLASH = "CALENDAR_CLASH"
    KBA_FAILED = "KBA_FAILED"
    MESSAGE_BOUNCED = "MESSAGE_BOUNCED"
    V1_CONFLICT = "V1_CONFLICT"
    V1_IMPORT = "V1_IMPORT"


@dataclass(frozen=True)
class CaseOpened(Event):
    """Somebody must decide. `key` names the occasion: while it is open, it is one case.

    `subject` is the row it is about, such as `payment:<id>`; `repair` is a code of what we suggest
    and `details` are facts without personal data.
    """

    kind: CaseKind
    key: str
    subject: str
    summary: str
    repair: str
    booking_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseSettled(Event):
    """What the case was about has been settled by the system; `how` says how, in a few words."""

    kind: CaseKind
    key: str
    how: str


def open_case(
    *,
    kind: CaseKind,
    key: str,
    subject: str,
    summary: str,
    repair: str,
    booking_id: UUID | None = None,
    **details: Any,
) -> None:
    """State that a person must decide, inside the transaction that made it so."""
    emit(
        CaseOpened(
            kind=kind,
            key=key,
            subject=subject,
            summary=summary,
            repair=repair,
            booking_id=booking_id,
            details=details,
        )
    )


def settle_case(*, kind: CaseKind, key: str, how: str) -> None:
    """State that nobody need decide any more, inside the transaction that made it so."""
    emit(CaseSettled(kind=kind, key=key, how=how))
