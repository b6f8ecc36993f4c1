"""A form sent twice has one effect: the key made at page load, and what it is remembered by."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from hmnp.core.idempotency import Answer, Idempotency, fingerprint

_KEY = re.compile(r"[0-9a-f]{32}")
_NOT_CONTENT = frozenset({"csrfmiddlewaretoken", "form_key"})


def sent_once(
    request: HttpRequest, *, principal: str, render: Callable[[Any], Answer]
) -> Idempotency | None:
    """Give the idempotency of a form, None when its key was tampered with.

    What was sent is part of the key: a page taken from the browser's memory and sent again with
    another choice is another wish, not a mistake.
    """
    form_key = request.POST.get("form_key", "")
    if not _KEY.fullmatch(form_key):
        return None
    content = {name: value for name, value in request.POST.items() if name not in _NOT_CONTENT}
    print_of_content = fingerprint(content)
    return Idempotency(
        principal=principal,
        method="POST",
        path=request.path,
        key=f"{form_key}-{print_of_content[:32]}",
        fingerprint=print_of_content,
        render=render,
    )
