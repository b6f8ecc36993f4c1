"""The API's limits: per principal, else per client address; each viewset states its table."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from hmnp.accounts.principals import principal_of
from hmnp.core import limits
from hmnp.core.errors import RateLimited
from hmnp.core.limits import Action


class ByTable(BaseThrottle):
    """Count by the viewset's `limits` table, a dict of action name to `Action`.

    A refused body counts, since it is counted before the body is read; missing credentials do not.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and leave where it stands for the answer's headers.

        Raises `RateLimited`.
        """
        action: Action | None = getattr(view, "limits", {}).get(getattr(view, "action", None))
        if action is None:
            return True
        principal = principal_of(request)
        usage = limits.take(
            request=request._request,
            action=action,
            key=principal.limit_key,
            times=principal.partner.rate_factor if principal.partner else 1,
        )
        if usage is not None:
            request._request.rate_limit_usage = usage  # type: ignore[attr-defined]  # ours, for the answer
            if usage.is_over:
                raise RateLimited(retry_after=usage.reset_seconds)
        return True
