"""The OpenAPI document: what every operation shares is written here once, from its tables.

Who may call (`access`), what is limited (`limits`) and what a body may be refused for come from
the viewset itself, so that the document cannot say something else than the code does.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from hmnp.core.api.serializers import ErrorSerializer, StrictSerializer

_MEANINGS = {
    400: "Not valid; `details.errors` lists every fault.",
    401: "Credentials are missing or no longer valid.",
    402: "The card was declined; `details.declineCode` says how.",
    403: "These credentials do not allow this.",
    404: "There is nothing here, or nothing you may see.",
    409: "Not in this state, or no longer; `code` says why.",
    410: "The hold has ended.",
    412: "Changed since you read it.",
    413: "The body is too large.",
    415: "The body is of another media type than described.",
    422: "Understood, but cannot be done: outside the area, unknown ZIP, promo code, reused key.",
    429: "Too many requests; see `Retry-After`.",
    500: "A fault of ours; tell us the `requestId`.",
    503: "Busy; see `Retry-After`.",
}
_SAFE = frozenset({"GET", "HEAD"})
# Where a refusal comes before the request is counted.
_UNCOUNTED = frozenset({"401", "403", "500"})
_RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_HEADERS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "X-Request-Id": (
        "Names this request in our logs; one you send is echoed.",
        {"type": "string"},
        True,
    ),
    "RateLimit-Limit": (
        "How many requests of this kind the present window allows.",
        {"type": "integer", "minimum": 1},
        False,
    ),
    "RateLimit-Remaining": ("How many are left.", {"type": "integer", "minimum": 0}, False),
    "RateLimit-Reset": (
        "Seconds until the window begins anew.",
        {"type": "integer", "minimum": 1},
        False,
    ),
    "Retry-After": ("Seconds to wait first.", {"type": "integer", "minimum": 1}, False),
    "Idempotent-Replayed": (
        "`true` on the first answer given again.",
        {"type": "string", "enum": ["true"]},
        False,
    ),
}
_CSRF = {
    "type": "apiKey",
    "in": "header",
    "name": "X-CSRFToken",
    "description": "With a staff session, on everything but GET: the value of the `csrftoken` "
    "cookie.",
}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """Give the error responses of an operation for its `responses`."""
    return {status: OpenApiResponse(ErrorSerializer, _MEANINGS[status]) for status in statuses}


def etag_of(*statuses: int) -> OpenApiParameter:
    """Give the `ETag` header of these answers for an operation's `parameters`."""
    return OpenApiParameter(
        "ETag",
        str,
        OpenApiParameter.HEADER,
        response=list(statuses),
        required=True,
        description="The version answered; send it as `If-Match` to change just this one.",
    )


LOCATION = OpenApiParameter(
    "Location",
    str,
    OpenApiParameter.HEADER,
    response=[201],
    required=True,
    description="Where the new thing is read.",
)


class ApiSchema(AutoSchema):
    """An operation with its credentials, shared refusals and shared headers."""

    def get_auth(self) -> list[dict[str, Any]]:
        """Give who may call, by the viewset's table; `{}` stands for nobody in particular."""
        schemes = [name for one in super().get_auth() for name in one]
        access = self._access()
        allowed: list[dict[str, Any]] = [{}] if access is None or access.anonymous else []
        for name in schemes:
            if access is None:
                continue
            if name == "bookingToken" and (access.customer or access.anonymous):
                allowed.append({name: []})
            elif name == "partnerKey" and access.partner:
                allowed.append({name: [access.scope] if access.scope else []})
            elif name == "staffSession":
                csrf: dict[str, list[str]] = {} if self.method in _SAFE else {"csrfToken": []}
                allowed.append({name: [], **csrf})
        return allowed

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]  # untyped there
            serializer, direction
        )
        kind = serializer if isinstance(serializer, type) else type(serializer)
        if issubclass(kind, StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, response in errors(*self._shared_refusals()).items():
            if str(status) not in bodies:
                bodies[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]  # untyped there
                    response, str(status), direction=direction
                )
        for code, body in bodies.items():
            for name in self._shared_headers(code):
                header = {"$ref": f"#/components/headers/{name}"}
                body.setdefault("headers", {})[name] = header
        return dict(sorted(bodies.items()))

    def _shared_refusals(self) -> list[int]:
        if not self.view.get_authenticators():
            return [500]
        access = self._access()
        refusals = [401, 500, 503]
        if self.method not in _SAFE or access is None or access.scope or not access.anonymous:
            refusals.append(403)
        if self.method in ("POST", "PUT", "PATCH"):
            refusals += [400, 413, 415]
        if self._is_limited():
            refusals.append(429)
        return refusals

    def _shared_headers(self, status: str) -> list[str]:
        names = ["X-Request-Id"]
        if self._is_limited() and status not in _UNCOUNTED:
            names += _RATE_HEADERS
        if status in ("429", "503"):
            names.append("Retry-After")
        is_keyed = any(
            getattr(one, "name", "") == "Idempotency-Key" for one in self.get_override_parameters()
        )
        if is_keyed and status.startswith("2"):
            names.append("Idempotent-Replayed")
        return names

    def _access(self) -> Any:
        return getattr(self.view, "access", {}).get(self._action())

    def _is_limited(self) -> bool:
        return self._action() in getattr(self.view, "limits", {})

    def _action(self) -> str | None:
        name: str | None = getattr(self.view, "action", None)
        return name


def add_components(
    *, result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Put what operations refer to into the document; called by drf-spectacular."""
    components = result["components"]
    components["headers"] = {
        name: {"description": text, "schema": schema, **({"required": True} if always else {})}
        for name, (text, schema, always) in _HEADERS.items()
    }
    components["securitySchemes"]["csrfToken"] = _CSRF
    return result
