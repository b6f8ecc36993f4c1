"""How connectors speak HTTP: one pooled client, short time-outs, one way to say what went wrong.

The outbox tries again, so nothing here does.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import httpx

from integrations import budgets
from integrations.errors import ConnectorError
from integrations.states import Destination

TIMEOUT = httpx.Timeout(12.0, connect=3.05, pool=3.05)
LARGEST_ANSWER = 2 * 1024 * 1024
_LONGEST_WAIT = timedelta(hours=1)
_SAFE_METHODS = ("GET", "HEAD")
# What might be a person's: addresses and anything with three digits or more in a row.
_PERSONAL = re.compile(r"\S+@\S+|\+?\d[\d\-() ]{2,}")


@cache
def _client(_process: int) -> httpx.Client:
    """Give this process's client: a forked worker must not share its parent's connections."""
    return httpx.Client(follow_redirects=False, trust_env=False)


@dataclass(frozen=True)
class Api:
    """One outside system's API.

    `base_url` has no slash at its end; `headers` go with each call; `timeout` is `TIMEOUT` if not
    given.
    """

    destination: Destination
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    timeout: httpx.Timeout | None = None

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        ok: Collection[int] = (200, 201),
        absent: Collection[int] = (),
    ) -> dict[str, Any] | None:
        """Make one call and give its JSON object, or None for a status in `absent`.

        An answer without a body, or whose JSON is no object, is given as `{}` or `{"data": …}`.
        Raises `ConnectorError`; after a time-out or a broken answer to anything but a GET its
        `is_outcome_unknown` is set.
        """
        budgets.take(destination=self.destination)
        is_safe = method in _SAFE_METHODS
        answer, body = exchange(
            _client(os.getpid()),
            method,
            self.base_url + path,
            is_safe=is_safe,
            json=json,
            data=form,
            params=params,
            headers={**self.headers, **(headers or {})},
            auth=self.auth,
            timeout=self.timeout or TIMEOUT,
        )
        if answer.status_code in absent:
            return None
        if answer.status_code in ok:
            return _object(body, is_safe=is_safe)
        raise _refusal(answer, body, is_safe=is_safe)


def exchange(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    is_safe: bool,
    largest: int = LARGEST_ANSWER,
    **options: Any,
) -> tuple[httpx.Response, bytes]:
    """Send one request and read its whole answer, at most `largest` bytes; `options` are httpx's.

    Raises `ConnectorError` when there is no whole answer; its `is_outcome_unknown` is set unless
    the request `is_safe` or was never sent.
    """
    try:
        with client.stream(method, url, **options) as answer:
            return answer, _read(answer, largest)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise ConnectorError(f"cannot be reached ({type(error).__name__})") from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise ConnectorError(
            f"did not answer in full ({type(error).__name__})", is_outcome_unknown=not is_safe
        ) from None


def _read(answer: httpx.Response, largest: int) -> bytes:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > largest:
            raise httpx.DecodingError("the answer is too large")
    return body


def _object(body: bytes, *, is_safe: bool) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ConnectorError(
            "answered something that is not JSON", is_outcome_unknown=not is_safe
        ) from None
    return document if isinstance(document, dict) else {"data": document}


def _refusal(answer: httpx.Response, body: bytes, *, is_safe: bool) -> ConnectorError:
    status = answer.status_code
    said = f"answered {status}{_message(body)}"
    if status == 429:
        return ConnectorError(said, retry_after=_retry_after(answer))
    if status >= 500:
        return ConnectorError(said, is_outcome_unknown=not is_safe)
    if status == 401:
        return ConnectorError(said, are_credentials_refused=True)
    # A time-out or a conflict on their side passes; any other refusal stays one.
    return ConnectorError(said, permanent=status not in (408, 409, 425), status=status)


def _message(body: bytes) -> str:
    """Give what the vendor says, without anything that may be a person's."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    found = document.get("message") or document.get("errors") or document.get("error")
    if isinstance(found, dict):
        found = found.get("message")
    if isinstance(found, list):
        found = "; ".join(str(item) for item in found)
    return f": {_PERSONAL.sub('…', str(found))[:200]}" if found else ""


def _retry_after(answer: httpx.Response) -> timedelta | None:
    given = answer.headers.get("Retry-After", "")
    if not given.isdigit():
        return None
    return min(timedelta(seconds=int(given[:6])), _LONGEST_WAIT)
