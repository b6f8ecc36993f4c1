"""JSON bodies: bounded, strict, an object at the top."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from hmnp.core.errors import PayloadTooLarge


class JSONParser(BaseParser):
    """Parse `application/json` of at most `DATA_UPLOAD_MAX_MEMORY_SIZE` bytes."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Give the object in the body. Raises `ParseError` and `PayloadTooLarge`."""
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise PayloadTooLarge
        return parse_object(raw)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Give the JSON object in `raw`. Raises `ParseError`."""
    try:
        body = json.loads(
            raw.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_once
        )
        # An escaped lone surrogate parses, but no UTF-8 database can store it.
        if b"\\u" in raw:
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise ParseError("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise ParseError("The body must be a JSON object.")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name given twice: who reads the body before us may take the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
