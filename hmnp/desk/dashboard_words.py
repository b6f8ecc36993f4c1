"""How figures read: as exact as they must be, and no more."""

from __future__ import annotations


def milliseconds(value: float) -> str:
    """Give a time in words."""
    return f"{value:,.0f} ms"


def percent(value: float) -> str:
    """Give a share in words, as exact as it must be."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{shown} %"


def number(value: float) -> str:
    """Give a count in words."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Give a time in words."""
    return f"{value:.1f} s"


def ratio(part: float, whole: float) -> float | None:
    """Give a share of 100, or None of nothing."""
    return 100 * part / whole if whole else None
