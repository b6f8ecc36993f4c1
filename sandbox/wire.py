"""Requests and responses as plain values, and how forms and JSON are read from them."""

from __future__ import annotations

import json
import re
import secrets
import string
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
_ALPHABET = string.ascii_letters + string.digits


class MalformedBody(Exception):
    """The body is not what its content type says."""


@dataclass(kw_only=True)
class Request:
    """One HTTP request: `refs` are the named parts of its path; the rest of what is not HTTP is
    what the fault knobs have planned for it.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    id: str = field(default_factory=lambda: "req_" + token(14))
    delay_ms: int = 0
    fail_with: str = ""
    refs: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Wait as long as a delay fault asks, at the point where the work would start."""
        if self.delay_ms:
            time.sleep(self.delay_ms / 1000)

    def header(self, name: str) -> str:
        """Return a header by its name in any case, "" when absent."""
        return self.headers.get(name.lower(), "")

    def json(self) -> Any:
        """Parse the body as JSON; raise MalformedBody when it is not."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise MalformedBody(str(error)) from error

    def query_values(self) -> dict[str, str]:
        """Return the query as flat names and values, the last of each."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(kw_only=True)
class Response:
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method and a path pattern such as `/v1/refunds/{id}` with what answers there."""

    method: str
    pattern: str
    handler: Handler
    is_api: bool = False  # a call of the outside system, which faults may hit

    def match(self, *, path: str) -> dict[str, str] | None:
        """Return the named parts of a path that fits, else None."""
        found = _compiled(self.pattern).fullmatch(path)
        return found.groupdict() if found else None


_PATTERNS: dict[str, re.Pattern[str]] = {}


def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern not in _PATTERNS:
        _PATTERNS[pattern] = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))
    return _PATTERNS[pattern]


def token(length: int) -> str:
    """Return a random name of letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def as_json(data: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON."""
    body = (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()
    return Response(
        status=status,
        body=body,
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
    )


def as_html(text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with an HTML page."""
    return Response(
        status=status,
        body=text.encode(),
        headers={"Content-Type": "text/html; charset=utf-8", **(headers or {})},
    )


def nest(pairs: list[tuple[str, str]]) -> Json:
    """Turn `a[b]=1`, `a[]=1` and `a[0]=1` pairs into nested dicts and lists."""
    root: Json = {}
    for name, value in pairs:
        first, _, rest = name.partition("[")
        keys = [first, *re.findall(r"([^\[\]]*)\]", rest)]
        node = root
        for depth, given in enumerate(keys):
            key = given if given or depth == 0 else str(len(node))
            if depth == len(keys) - 1:
                node[key] = value
                break
            child = node.get(key)
            if not isinstance(child, dict):
                child = node[key] = {}
            node = child
    return {key: _listed(value) for key, value in root.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}


def parse_form(text: str) -> Json:
    """Parse an `application/x-www-form-urlencoded` text into nested values."""
    return nest(parse_qsl(text, keep_blank_values=True))
