"""How an outside system differs from what it should hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from integrations.states import Destination


class Repair(StrEnum):
    """RESYNC: a fresh job brings the outside to the booking's state. ASK: a person decides."""

    RESYNC = "resync"
    ASK = "ask"


@dataclass(frozen=True)
class Difference:
    """`what` says in plain words, without personal data, how the two differ."""

    system: Destination
    external_id: str
    what: str
    repair: Repair
    booking_id: UUID | None = None
