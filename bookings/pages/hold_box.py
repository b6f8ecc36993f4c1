"""How long a time is still kept, by the server's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class HoldBox:
    """What the page says of a hold; a script counts the minutes down from `server_now`."""

    keep_text: str
    ended_text: str
    until: datetime
    server_now: datetime
    zone: ZoneInfo
    left_text: str

    @classmethod
    def of(
        cls, *, keep_text: str, ended_text: str, until: datetime, now: datetime, zone: ZoneInfo
    ) -> HoldBox:
        """Give the box of a hold that ends at `until`."""
        minutes = int((until - now).total_seconds() // 60)
        if minutes < 1:
            left = "less than a minute left"
        else:
            left = f"{minutes} minute{'' if minutes == 1 else 's'} left"
        return cls(keep_text, ended_text, until, now, zone, left)
