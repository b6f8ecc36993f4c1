"""What every viewset of the API shares: who is asking, keyed requests, answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import QueryDict
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.idempotency import Answer, Idempotency, fingerprint
from hmnp.core.limits import Usage

AnyResponse = TypeVar("AnyResponse", bound=HttpResponseBase)

_KEY = re.compile(r"[\x21-\x7e]{16,255}")


class ApiViewSet(ViewSet):
    """A viewset whose personal answers are never cached."""

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Say `no-store` unless the action chose a cache policy, and where its limit stands."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        usage: Usage | None = getattr(request._request, "rate_limit_usage", None)
        return finish(finished, usage=usage)


def finish(response: AnyResponse, *, usage: Usage | None) -> AnyResponse:
    """Say `no-store` unless there is a cache policy, and where the caller's limit stands."""
    for name, value in usage.headers().items() if usage else ():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def idempotency_of(
    request: Request, *, principal_key: str, render: Callable[[Any], Answer], body: object = None
) -> Idempotency | None:
    """Give the request's idempotency, or None when it sent no key.

    `body` stands for one that is not JSON; two requests are the same if it is equal.
    Raises `ValidationFailed` for a key that is not 16–255 visible ASCII characters.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ValidationFailed(
            Fault("Idempotency-Key", "invalid", "The key must be 16 to 255 visible characters.")
        )
    return Idempotency(
        principal=principal_key,
        method=request.method or "",
        path=request.path,
        key=key,
        fingerprint=fingerprint(request.data if body is None else body),
        render=render,
    )


def answer_response(answer: Answer) -> Response:
    """Give the HTTP response of an answer."""
    headers = dict(answer.headers)
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer.full_body(), status=answer.status, headers=headers)


def repeated_faults(params: QueryDict) -> list[Fault]:
    """List the query parameters that were given more than once."""
    return [
        Fault(name, "repeated", "Give this parameter once.")
        for name, values in params.lists()
        if len(values) > 1
    ]
