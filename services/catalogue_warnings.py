"""What staff should know before they change the catalogue; higher floors add what they know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from services.definitions import ServiceDefinition


@dataclass(frozen=True)
class ServiceChange:
    """One service as it was and as it would be; None: it is not there."""

    before: ServiceDefinition | None
    after: ServiceDefinition | None

    @property
    def is_taken_off_sale(self) -> bool:
        """Tell whether it can no longer be booked."""
        was, will_be = self.before, self.after
        return was is not None and was.is_active and (will_be is None or not will_be.is_active)


Source = Callable[[ServiceChange, datetime], Iterable[str]]
_sources: list[Source] = []


def warn_by(source: Source) -> None:
    """Have `source` look at every change before it is saved; once, however often it is named."""
    if source not in _sources:
        _sources.append(source)


def warnings(*, changes: Iterable[ServiceChange], now: datetime) -> list[str]:
    """Give what there is to know about these changes."""
    changes = list(changes)
    return [text for source in _sources for change in changes for text in source(change, now)]
