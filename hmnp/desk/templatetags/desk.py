"""Small arithmetic that only the desk's drawings need."""

from __future__ import annotations

from django import template

register = template.Library()

_TOP = 24
_LANE = 56


@register.filter
def lane_y(number: int) -> int:
    """Give where the lane of this number begins; of their count: how high the drawing is."""
    return _TOP + _LANE * number


@register.filter
def plus(number: int, more: int) -> int:
    """Add."""
    return number + more


@register.filter
def short(words: str) -> str:
    """Give `1 h 5 min` for `1 hour 5 minutes`."""
    for long_word, short_word in (("minute", "min"), ("hour", "h")):
        words = words.replace(f"{long_word}s", short_word).replace(long_word, short_word)
    return words


@register.filter
def words(code: str) -> str:
    """Give `partially refunded` for `PARTIALLY_REFUNDED`."""
    return code.replace("_", " ").lower()


@register.filter
def capfirst_lower(code: str) -> str:
    """Give `Card` for `CARD`."""
    return code.capitalize()
