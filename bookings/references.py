"""Booking references: short, read out over the phone, never reused."""

import secrets

from bookings.models import Booking

# Without 0/O, 1/I/L and the vowels that make words.
_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """Give a random reference such as `HM-7K3WQ9`; 28⁶ ≈ 480 million of them."""
    return "HM-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))


def new_references(*, count: int) -> list[str]:
    """Give `count` references that no booking has: among many, chance would repeat some."""
    found: set[str] = set()
    while len(found) < count:
        drawn = {new_reference() for _ in range(count - len(found))}
        used = Booking.objects.filter(reference__in=drawn).values_list("reference", flat=True)
        found |= drawn.difference(used)
    return list(found)
