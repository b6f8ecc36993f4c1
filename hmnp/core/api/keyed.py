"""A POST with an optional idempotency key, from header to replayed answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from hmnp.core.api.views import answer_response, idempotency_of
from hmnp.core.errors import DomainError
from hmnp.core.idempotency import Answer, Idempotency, Replayed

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{16,255}$"},
    OpenApiParameter.HEADER,
    description="16–255 visible characters; the same key and body give the first answer again.",
)


@dataclass(frozen=True)
class Keyed:
    """One request that may be repeated; without a key it is simply carried out."""

    idempotency: Idempotency | None

    @classmethod
    def of(cls, request: Request, *, principal_key: str, body: object = None) -> Keyed:
        """Read the request's key; `body` stands for one that is not JSON.

        Raises `ValidationFailed` for a malformed key.
        """
        return cls(
            idempotency_of(request, principal_key=principal_key, render=_unrendered, body=body)
        )

    def run(self, work: Callable[[Keyed], Response], *, looks_first: bool = True) -> Response:
        """Give the first answer again if there is one, else what `work` answers.

        It need not look first where all that `work` does it does after beginning the record.
        """
        try:
            if self.idempotency is not None and looks_first:
                self.idempotency.replay()
            return work(self)
        except Replayed as replayed:
            return answer_response(replayed.answer)
        except DomainError:
            # A twin may have answered while we read or refused.
            try:
                if self.idempotency is not None:
                    self.idempotency.replay()
            except Replayed as replayed:
                return answer_response(replayed.answer)
            raise

    def with_render(self, render: Callable[[Any], Answer]) -> Idempotency | None:
        """Give what the action needs to write the record, or None without a key."""
        return None if self.idempotency is None else replace(self.idempotency, render=render)

    def respond(
        self,
        result: Any,
        render: Callable[[Any], Answer],
        idempotency: Idempotency | None,
    ) -> Response:
        """Answer with what was recorded, or render it now."""
        stored = idempotency.answer if idempotency is not None else None
        return answer_response(stored or render(result))


def _unrendered(result: Any) -> Answer:
    raise NotImplementedError("with_render gives the real one")
