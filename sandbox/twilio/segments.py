"""How many parts a text is sent in: 160 characters of GSM's alphabet, or 70 of any other."""

from __future__ import annotations

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_IN_TWO = frozenset("^{}\\[~]|€")


def count_segments(text: str) -> int:
    """Return how many parts a text needs."""
    if set(text) <= _GSM | _GSM_IN_TWO:
        length = sum(2 if letter in _GSM_IN_TWO else 1 for letter in text)
        return 1 if length <= 160 else -(-length // 153)
    length = len(text.encode("utf-16-be")) // 2
    return 1 if length <= 70 else -(-length // 67)
