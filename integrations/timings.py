"""When a message about a start is due, until when it is of use, and to whom it is news at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.models import Booking
from integrations.states import MessageKind

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Timing:
    """A message about a start.

    It is due `before` the start, and of no use any more from `over_before` it on. It is news only
    to who heard of the start at least `after_news` before the message is due; None: to everybody,
    but never sooner than `not_sooner` after they heard of it.
    """

    before: timedelta
    over_before: timedelta
    after_news: timedelta | None = None
    not_sooner: timedelta = timedelta()

    def is_due(self, *, starts_at: datetime, told_at: datetime, now: datetime) -> bool:
        """Tell whether the message must be written now, for a start that was told at `told_at`."""
        due_at = starts_at - self.before
        if self.after_news is not None and told_at > due_at - self.after_news:
            return False
        return max(due_at, told_at + self.not_sooner) <= now < starts_at - self.over_before


# A reminder that beat was too dead to send in time is late, and still true for a while.
TIMINGS: dict[MessageKind, Timing] = {
    MessageKind.REMINDER_24H: Timing(24 * _HOUR, over_before=4 * _HOUR, after_news=4 * _HOUR),
    MessageKind.REMINDER_2H: Timing(2 * _HOUR, over_before=_HOUR / 2, after_news=_HOUR),
    MessageKind.DOCUMENTS_MISSING: Timing(24 * _HOUR, over_before=_HOUR / 2, not_sooner=_HOUR),
    # Who comes late still needs it.
    MessageKind.RON_LINK: Timing(_HOUR / 2, over_before=-_HOUR / 4),
}
FURTHEST = max(timing.before for timing in TIMINGS.values())


def over_at(*, kind: MessageKind, booking: Booking) -> datetime:
    """Give the moment from which a message about a start is of no use to its reader any more."""
    timing = TIMINGS.get(kind)
    return booking.starts_at - (timing.over_before if timing else timedelta())


def start_key(starts_at: datetime) -> str:
    """Name the start that a message is about: who moves away and back hears of it once."""
    return f"{starts_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
