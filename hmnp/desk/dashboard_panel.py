"""One figure of the dashboard, as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hmnp.desk.dashboard_charts import Chart

NO_DATA = "no data yet"


@dataclass(frozen=True)
class Part:
    """One line under a figure: of one system, one family, one step."""

    name: str
    value: str
    of: str = ""
    is_missed: bool = False


@dataclass(frozen=True)
class Panel:
    """A figure, its target, how it went, and what it is made of."""

    code: str
    name: str
    meaning: str
    value: str
    target: str = ""
    is_missed: bool = False
    chart: Chart | None = None
    parts_name: str = ""
    parts: Sequence[Part] = field(default_factory=list)
    # For who mends it rather than who reads it: shown when asked for.
    is_technical: bool = False

    @property
    def verdict(self) -> str:
        """Say whether the target is met."""
        if self.value == NO_DATA:
            return NO_DATA
        if not self.target:
            return ""
        return "misses its target" if self.is_missed else "meets its target"
