"""What a text somebody typed may be made of, so that it shows as what it is."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

# Control characters (NUL is refused before), blanks without a width, and what turns the direction
# of the rest: a name could show as another, or as none. Joiners stay: some scripts need them.
_HIDDEN = r"\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff"
_NO_TEXT = re.compile(f"[{_HIDDEN}]")
_NO_LINE = re.compile(f"[{_HIDDEN}\t\r\n]")


def validate_text(value: str) -> None:
    """Refuse hidden characters. Raises `ValidationError`."""
    if _NO_TEXT.search(value):
        raise ValidationError("This holds a character that does not show.", code="hidden")


def validate_line(value: str) -> None:
    """Refuse hidden characters and line breaks. Raises `ValidationError`."""
    if _NO_LINE.search(value):
        raise ValidationError("This must be one line of plain text.", code="hidden")
