"""V1's doors for making a booking, each in its old shape, all through V2's one action."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from bookings import holders, queries
from bookings.actions.create_booking import create_booking
from bookings.api.asked import naming
from bookings.models import Booking
from hmnp.accounts.permissions import Access
from hmnp.accounts.principals import Principal, principal_of
from hmnp.core import tokens, transactions
from hmnp.core.api.keyed import Keyed
from hmnp.core.errors import DomainError, ServiceUnavailable, Unauthenticated
from hmnp.core.idempotency import Answer, Idempotency, Replayed, Secret, fingerprint
from hmnp.core.limits import Action
from hmnp.rollout.api import shapes
from hmnp.rollout.api.asked import asked_booking
from hmnp.rollout.api.base import V1ViewSet
from hmnp.rollout.mirror import take_forwarded
from hmnp.rollout.states import Capability

logger = logging.getLogger(__name__)

_OPEN = Access(anonymous=True, customer=True, scope="bookings:write")
_NAMES = {"zip": "addressZip", "address.zip": "addressZip"}


class V1CreationViewSet(V1ViewSet):
    """POST /api/bookings, /api/bookings/create, /api/booking/create and /api/bookings/sync."""

    access = {"full": _OPEN, "short": _OPEN, "latest": _OPEN, "sync": _OPEN}
    limits = dict.fromkeys(("full", "short", "latest", "sync"), Action.BOOKING)
    capabilities = dict.fromkeys(("full", "short", "latest", "sync"), Capability.BOOKING)

    def full(self, request: Request) -> HttpResponseBase:
        """Answer with the whole row."""
        return self._create(request, shapes.created_full, status=201)

    def short(self, request: Request) -> HttpResponseBase:
        """Answer with the short form."""
        return self._create(request, shapes.created_short, status=201)

    def latest(self, request: Request) -> HttpResponseBase:
        """Answer as V1's last state did."""
        return self._create(request, shapes.created_head, status=200)

    def sync(self, request: Request) -> HttpResponseBase:
        """Take a booking from the phone or the CRM, by the shared key."""
        if not settings.V1_SYNC_API_KEY:
            raise ServiceUnavailable("V1_SYNC_API_KEY is not set: this address takes nothing.")
        sent = request.headers.get("X-Api-Key", "")
        if not hmac.compare_digest(sent.encode(), settings.V1_SYNC_API_KEY.encode()):
            raise Unauthenticated
        return self._create(request, shapes.created_sync, status=200)

    def _create(
        self, request: Request, shape: Callable[[Booking], dict[str, Any]], *, status: int
    ) -> HttpResponseBase:
        principal = principal_of(request)
        render = _Render(shape, status)

        def work(keyed: Keyed) -> Any:
            theirs = self.in_v1(request)
            if theirs is not None:
                _remember(self.body(request), theirs, keyed)
                return theirs
            now = timezone.now()
            asked = asked_booking(body=self.body(request), principal=principal, now=now)
            idempotency = keyed.with_render(render)
            with naming(_NAMES):
                booking = create_booking(
                    request=asked,
                    holder=holders.holder_of(principal),
                    actor=replace(principal.actor, user_agent=f"v1 {principal.user_agent}"[:200]),
                    now=now,
                    idempotency=idempotency,
                )
            return keyed.respond(booking, render, idempotency)

        # Whoever answered a key first, V1 or V2, has answered it for both.
        return _keyed(request, principal).run(work)


@dataclass(frozen=True)
class _Render:
    """The answer in one of V1's shapes, with the token that opens the booking."""

    shape: Callable[[Booking], dict[str, Any]]
    status: int

    def __call__(self, booking: Booking) -> Answer:
        """Give the answer; its secret is derived anew whenever it goes out."""
        # As it is about to be written, or as it was.
        fresh = booking if booking.shown else queries.with_relations().get(pk=booking.pk)
        body = self.shape(fresh)
        return Answer(
            status=self.status,
            body=body,
            secrets=(
                Secret(
                    field="accessToken",
                    purpose=tokens.ACCESS,
                    subject_id=booking.pk,
                    generation=booking.access_generation,
                    key_id=booking.access_key_id,
                ),
            ),
        )


def _keyed(request: Request, principal: Principal) -> Keyed:
    """Take V1's key of any length, as a digest: ours must have sixteen characters."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        return Keyed(None)
    return Keyed(
        Idempotency(
            principal=principal.key,
            method=request.method or "",
            path=request.path,
            key=f"v1-{hashlib.sha256(key.encode()).hexdigest()}",
            fingerprint=fingerprint(request.data),
            render=_unrendered,
        )
    )


def _unrendered(result: Any) -> Answer:
    raise NotImplementedError("with_render gives the real one")


def _remember(asked: dict[str, Any], answer: HttpResponse, keyed: Keyed) -> None:
    """Claim the time V1 has just given away, and keep its answer under the caller's key.

    V1's own report makes up for a failure here.
    """
    if not 200 <= answer.status_code < 300:
        return
    try:
        said = json.loads(answer.content)
    except ValueError:
        return
    if not isinstance(said, dict):
        return
    try:
        take_forwarded(asked=asked, said=said, now=timezone.now())
        idempotency = keyed.with_render(
            lambda _: Answer(status=answer.status_code, body=said, headers={"X-Served-By": "v1"})
        )
        if idempotency is not None:
            transactions.run(lambda: _keep(idempotency))
    except (DomainError, Replayed):
        logger.warning("V1 has booked, and its report is waited for", exc_info=True)


def _keep(idempotency: Idempotency) -> None:
    idempotency.begin()
    idempotency.finish(None)
