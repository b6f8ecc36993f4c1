"""Who is asking: three ways to prove it, and what proves nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hmnp.accounts.models import Partner, PartnerApiKey
from hmnp.accounts.principals import Kind, Principal, principal_of
from hmnp.accounts.tests.desk_door import a_staff_user, proof
from hmnp.core import tokens
from hmnp.core.context import ActorType


class Mirror(APIView):
    """Tells the caller who we think it is."""

    permission_classes = []
    seen: Principal

    def get(self, request: Request) -> Response:
        type(self).seen = principal_of(request)
        return Response({})

    post = get


def ask(
    authorization: str = "",
    *,
    user: Any = None,
    session: Any = None,
    method: str = "get",
    **extra: Any,
) -> Any:
    """Give the principal, or the status of the refusal."""
    factory = RequestFactory(enforce_csrf_checks=True) if method == "post" else RequestFactory()
    headers = {
        "User-Agent": "curl/8",
        **({"Authorization": authorization} if authorization else {}),
    }
    request = getattr(factory, method)("/", headers=headers, REMOTE_ADDR="203.0.113.9", **extra)
    request.user = user or AnonymousUser()
    request.session = session if session is not None else {}
    answer = Mirror.as_view()(request)
    return Mirror.seen if answer.status_code == 200 else answer.status_code


@pytest.fixture
def partner(db: None) -> Partner:
    return Partner.objects.create(name="Gulf Title")


def key_of(partner: Partner, **changes: Any) -> str:
    _, key = PartnerApiKey.objects.create_key(
        name="k", partner=partner, scopes=["bookings:read"], **changes
    )
    return str(key)


def test_without_credentials_one_is_anonymous() -> None:
    seen = ask()
    assert seen.kind is Kind.ANONYMOUS
    assert seen.key == "anonymous"
    assert seen.holder_key == "address:203.0.113.9"
    assert seen.actor.type is ActorType.CUSTOMER
    assert (seen.actor.ip, seen.actor.user_agent) == ("203.0.113.9", "curl/8")


def test_an_access_token_is_the_customer_of_its_booking() -> None:
    booking_id = uuid4()
    token = tokens.derive(purpose=tokens.ACCESS, subject_id=booking_id)
    for scheme in ("Bearer", "bearer", "BEARER"):
        seen = ask(f"{scheme} {token.text}")
        assert seen.kind is Kind.CUSTOMER
        assert seen.token == token
        assert seen.key == f"booking:{booking_id}"
        assert seen.holder_key == "address:203.0.113.9"


@pytest.mark.parametrize("purpose", [tokens.HOLD, tokens.MANAGE])
def test_a_token_for_something_else_is_refused(purpose: str) -> None:
    token = tokens.derive(purpose=purpose, subject_id=uuid4())
    assert ask(f"Bearer {token.text}") == 401


@pytest.mark.parametrize("text", ["Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c.d.e"])
def test_a_bad_token_is_refused_rather_than_ignored(text: str) -> None:
    assert ask(text) == 401


def test_a_partner_is_known_by_its_key_and_scopes(partner: Partner) -> None:
    seen = ask(f"Api-Key {key_of(partner)}")
    assert seen.kind is Kind.PARTNER
    assert seen.partner == partner
    assert seen.scopes == {"bookings:read"}
    assert seen.key == seen.holder_key == f"partner:{partner.pk}"
    assert (seen.actor.type, seen.actor.id) == (ActorType.PARTNER, str(partner.pk))


def test_a_key_that_is_wrong_revoked_expired_or_a_closed_partners_is_refused(
    partner: Partner,
) -> None:
    good = key_of(partner)
    prefix = good.partition(".")[0]
    for text in ("", "nonsense", prefix, f"{prefix}.wrong", "é.é", "a" * 500):
        assert ask(f"Api-Key {text}") == 401
    revoked = key_of(partner)
    PartnerApiKey.objects.filter(prefix=revoked.partition(".")[0]).update(revoked=True)
    assert ask(f"Api-Key {revoked}") == 401
    assert ask(f"Api-Key {key_of(partner, expiry_date=timezone.now() - timedelta(1))}") == 401
    Partner.objects.filter(pk=partner.pk).update(is_active=False)
    assert ask(f"Api-Key {good}") == 401


def test_the_secret_is_not_stored(partner: Partner) -> None:
    secret = key_of(partner).partition(".")[2]
    row = PartnerApiKey.objects.get()
    assert secret not in repr(vars(row))


def test_another_scheme_is_nobody() -> None:
    assert ask("Basic YTpi").kind is Kind.ANONYMOUS


@pytest.mark.django_db
def test_only_an_active_staff_session_is_staff() -> None:
    staff = a_staff_user("desk", "accounts.use_api")
    seen = ask(user=staff, session=proof(staff))
    assert seen.kind is Kind.STAFF
    assert seen.key == seen.holder_key == f"staff:{staff.pk}"
    assert (seen.actor.type, seen.actor.id) == (ActorType.ADMIN, str(staff.pk))
    customer = User.objects.create_user("customer")
    gone = User.objects.create_superuser("gone", is_active=False)
    without_role = a_staff_user("new")
    for user in (customer, gone, without_role):
        assert ask(user=user, session=proof(user)).kind is Kind.ANONYMOUS


@pytest.mark.django_db
def test_a_session_without_its_own_second_factor_is_nobody_at_the_api() -> None:
    staff, other = a_staff_user("desk", "accounts.use_api"), a_staff_user("other")
    shown = proof(staff)
    records = shown["account_authentication_methods"]
    for session in (
        {},
        proof(other),
        {**shown, "account_authentication_methods": records[:1]},
        {**shown, "account_authentication_methods": [*records[:1], {**records[1], "id": 0}]},
    ):
        assert ask(user=staff, session=session).kind is Kind.ANONYMOUS
    with time_machine.travel(timezone.now() + timedelta(hours=8, seconds=1), tick=False):
        assert ask(user=staff, session=shown).kind is Kind.ANONYMOUS
    with time_machine.travel(timezone.now() + timedelta(hours=7, minutes=59), tick=False):
        assert ask(user=staff, session=shown).kind is Kind.STAFF


@pytest.mark.django_db
def test_a_staff_session_that_writes_needs_the_csrf_token() -> None:
    staff = a_staff_user("desk", "accounts.use_api")
    assert ask(user=staff, session=proof(staff), method="post") == 403


def test_the_users_browser_is_cut_to_what_we_keep() -> None:
    request = RequestFactory().get("/", headers={"User-Agent": "x" * 500 + "\x00"})
    request.user = AnonymousUser()
    Mirror.as_view()(request)
    assert Mirror.seen.user_agent == "x" * 200
