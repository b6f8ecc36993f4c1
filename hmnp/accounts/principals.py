"""Who is asking: one value for everyone who may, from anonymous to staff."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from rest_framework.request import Request

from hmnp.accounts.models import Partner
from hmnp.core.client_address import address_key, client_ip
from hmnp.core.context import Actor, ActorType
from hmnp.core.request_id import current_request_id
from hmnp.core.tokens import Token


class Kind(StrEnum):
    ANONYMOUS = "anonymous"
    CUSTOMER = "customer"
    PARTNER = "partner"
    STAFF = "staff"


@dataclass(frozen=True)
class Principal:
    """The caller of one request; `token` is a customer's, for one booking only."""

    kind: Kind
    ip: str
    user_agent: str = ""
    partner: Partner | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    token: Token | None = None
    user: AbstractBaseUser | None = None

    @property
    def key(self) -> str:
        """What idempotency keys are scoped to; all anonymous callers are one principal."""
        if self.partner:
            return f"partner:{self.partner.pk}"
        if self.user:
            return f"staff:{self.user.pk}"
        if self.token:
            return f"booking:{self.token.subject_id}"
        return "anonymous"

    @property
    def limit_key(self) -> str:
        """What its requests are counted under: itself, else the address."""
        if self.kind is Kind.ANONYMOUS:
            return f"address:{address_key(self.ip)}"
        return self.key

    @property
    def holder_key(self) -> str:
        """What live holds are counted under: a partner, a staff member, else the address."""
        if self.partner or self.user:
            return self.key
        return f"address:{address_key(self.ip)}"

    def may_book(self, *, slug: str) -> bool:
        """Tell whether a service is on offer to this caller: to a partner, what was agreed."""
        return self.partner is None or self.partner.may_book(slug=slug)

    @property
    def actor(self) -> Actor:
        """This caller as the timeline names it."""
        kind, actor_id = {
            Kind.PARTNER: (ActorType.PARTNER, str(self.partner.pk) if self.partner else ""),
            Kind.STAFF: (ActorType.ADMIN, str(self.user.pk) if self.user else ""),
        }.get(self.kind, (ActorType.CUSTOMER, ""))
        return Actor(
            type=kind,
            id=actor_id,
            request_id=current_request_id(),
            ip=self.ip,
            user_agent=self.user_agent,
        )


def principal_of(request: Request) -> Principal:
    """Give the caller of an API request, as its authentication found it."""
    if isinstance(request.auth, Principal):
        return request.auth
    # Permission, limit and view all ask; who has no credentials is worked out once.
    known: Principal | None = getattr(request, "_nobody", None)
    if known is None:
        known = request._nobody = anonymous(request._request)  # type: ignore[attr-defined]  # ours
    return known


def anonymous(request: HttpRequest) -> Principal:
    """Give the caller without credentials."""
    return Principal(kind=Kind.ANONYMOUS, ip=client_ip(request), user_agent=user_agent(request))


def user_agent(request: HttpRequest) -> str:
    """Give the browser's name for itself, cut to what we keep."""
    sent: str = request.META.get("HTTP_USER_AGENT", "")
    return sent.replace("\x00", "")[:200]
