"""Booking references: short, read out over the phone, never reused."""

import secrets

# Without 0/O, 1/I/L and the vowels that make words.
_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """Give a random reference such as `HM-7K3WQ9`; 28⁶ ≈ 480 million of them."""
    return "HM-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))
