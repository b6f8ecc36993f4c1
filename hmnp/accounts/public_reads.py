"""Reads that are open to everybody and ask nothing about the caller: answered early.

A caller without cookie and credentials is nobody; sessions, CSRF, messages, the audit's actor and
the framework's way to a view have nothing to find out about such a request. The answer is made by
the same function as the view's own, under the same limit, and refused in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve

from hmnp.accounts.principals import Principal, anonymous
from hmnp.core import limits
from hmnp.core.api.errors import error_response, told
from hmnp.core.api.views import finish
from hmnp.core.errors import RateLimited
from hmnp.core.limits import Action
from hmnp.core.logs import log_request
from hmnp.core.request_id import current_request_id

Answer = Callable[[HttpRequest, Principal], HttpResponse]
_WHO = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")


@dataclass(frozen=True)
class PublicRead:
    """How to answer one address, and what its requests are counted as."""

    answer: Answer
    limit: Action | None = None


_reads: dict[str, PublicRead] = {}
_matches: dict[str, ResolverMatch] = {}


def answer_early(reads: Mapping[str, PublicRead]) -> None:
    """Answer these paths here, each of which has a view that answers alike."""
    _reads.update(reads)


class PublicReadsMiddleware:
    """Answers them; stands inside of what every answer has, such as its security headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or pass it on."""
        read = _reads.get(request.path_info)
        meta = request.META
        if read is None or request.method != "GET" or any(map(meta.get, _WHO)):
            return self.get_response(request)
        # Refuses a Host that is not ours.
        request.get_host()
        request.resolver_match = _match(request.path_info)
        response = _answer(read, request)
        response.headers["Content-Length"] = str(len(response.content))
        log_request(
            code=response.status_code,
            method="GET",
            path=request.path_info,
            request_id=current_request_id(),
        )
        return response


def _answer(read: PublicRead, request: HttpRequest) -> HttpResponse:
    usage = None
    try:
        caller = anonymous(request)
        if read.limit is not None:
            usage = limits.take(request=request, action=read.limit, key=caller.limit_key)
        if usage is not None and usage.is_over:
            raise RateLimited(retry_after=usage.reset_seconds)
        response = read.answer(request, caller)
    except Exception as error:  # as the API's views do: whatever it is, it is told in one shape
        response = error_response(told(error))
    return finish(response, usage=usage)


def _match(path: str) -> ResolverMatch:
    match = _matches.get(path)
    if match is None:
        match = _matches[path] = resolve(path)
    return match
