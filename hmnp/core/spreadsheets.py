"""What goes into a file that somebody opens in a spreadsheet."""

from __future__ import annotations

# A spreadsheet takes a cell that begins so for a formula, also after blanks.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(value: object) -> str:
    """Give a cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_DANGEROUS) else text
