"""What a webhook door hands in, and what may become of it. Which door is whose: `doors.py`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from integrations.states import Provider


@dataclass(frozen=True)
class VerifiedEvent:
    """An event whose signature was checked over exactly these bytes."""

    provider: Provider
    event_id: str
    type: str
    object_id: str
    body: bytes


class NotYetKnown(Exception):
    """The event is about something we do not know, perhaps only not yet; `reason` says what."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def body_hash(body: bytes) -> str:
    """Give the id of an event that carries none: the SHA-256 of its raw body."""
    return hashlib.sha256(body).hexdigest()


def short_text(value: object, *, limit: int) -> str:
    """Give a provider's name or id as text that the database can store, cut to `limit`."""
    return str(value)[:limit].replace("\x00", "") if isinstance(value, str | int) else ""
