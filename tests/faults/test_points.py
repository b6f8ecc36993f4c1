"""No point of the code is named without being met: adding one means adding who dies there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from hmnp.dev.state import CHECKOUT
from tests.faults.points import (
    BY_CONNECTORS,
    BY_CUSTOMERS,
    BY_DAY,
    BY_LATE_MONEY,
    BY_OTHERS,
    BY_STAFF,
    POINTS,
)

FLOORS = ("hmnp", "services", "bookings", "payments", "integrations")
CALL = re.compile(r'^ +crashpoint\("([^"]+)"\)$', re.MULTILINE)


def _named(source: Path) -> list[str]:
    return CALL.findall(source.read_text("utf-8"))


def test_the_points_of_the_code_are_those_somebody_dies_at() -> None:
    sources = [path for floor in FLOORS for path in (CHECKOUT / floor).rglob("*.py")]
    named = Counter(name for source in sources for name in _named(source))
    assert set(named) == POINTS
    assert [name for name, count in named.items() if count > 1] == []
    assert len(POINTS) >= 25
    groups = (BY_CUSTOMERS, BY_STAFF, BY_LATE_MONEY, BY_OTHERS, BY_CONNECTORS)
    assert sum(len(group) for group in groups) == len(POINTS)
    assert BY_DAY < POINTS
