"""What the least booking carries, told in both of its tellings."""

from __future__ import annotations

from typing import Any

DESTINATIONS = ("mail", "ghl", "google_calendar", "notary")
PRICING: dict[str, Any] = {
    "lines": [{"code": "BASE", "amount_cents": 3500}],
    "final_price_cents": 3500,
}
# Some 120 times as an availability answer has them: ten kilobytes.
SLOTS = {
    "slots": [
        {
            "startTime": f"2027-03-{day:02d}T{hour:02d}:00:00-06:00",
            "endTime": f"2027-03-{day:02d}T{hour:02d}:30:00-06:00",
        }
        for day in range(1, 6)
        for hour in range(24)
    ]
}
