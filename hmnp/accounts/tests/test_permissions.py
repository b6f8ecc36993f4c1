"""Who may call what: the table decides, and what is not in it is denied."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.settings import api_settings

from hmnp.accounts.models import Partner
from hmnp.accounts.permissions import Access, ByTable, DenyAll
from hmnp.accounts.principals import Kind, Principal
from hmnp.core import tokens

ANYONE = Principal(kind=Kind.ANONYMOUS, ip="203.0.113.9")
CUSTOMER = Principal(
    kind=Kind.CUSTOMER,
    ip="203.0.113.9",
    token=tokens.derive(purpose=tokens.ACCESS, subject_id=uuid4()),
)
READER = Principal(
    kind=Kind.PARTNER,
    ip="203.0.113.9",
    partner=Partner(pk=1, name="Gulf Title"),
    scopes=frozenset({"bookings:read"}),
)
STAFF = Principal(kind=Kind.STAFF, ip="203.0.113.9", user=User(pk=1, is_staff=True))


def may(principal: Principal, access: Access | None, *, action: str | None = "list") -> bool:
    request = Request(RequestFactory().get("/"))
    request.auth = principal
    view: Any = SimpleNamespace(action=action, access={"list": access} if access else {})
    return ByTable().has_permission(request, view)


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        (Access(), {STAFF.kind, READER.kind}),
        (Access(partner=False), {STAFF.kind}),
        (Access(scope="bookings:read"), {STAFF.kind, READER.kind}),
        (Access(scope="bookings:write"), {STAFF.kind}),
        (Access(customer=True, scope="bookings:write"), {STAFF.kind, CUSTOMER.kind}),
        (
            Access(anonymous=True, scope="bookings:write"),
            {STAFF.kind, CUSTOMER.kind, ANYONE.kind},
        ),
    ],
)
def test_the_table_decides(access: Access, allowed: set[Kind]) -> None:
    cast = (ANYONE, CUSTOMER, READER, STAFF)
    assert {one.kind for one in cast if may(one, access)} == allowed


def test_what_is_not_in_the_table_is_denied_even_to_staff() -> None:
    assert not any(may(one, None) for one in (ANYONE, CUSTOMER, READER, STAFF))


def test_a_method_nobody_offers_is_left_to_answer_405() -> None:
    assert may(ANYONE, None, action=None)


def test_a_viewset_without_a_table_answers_nobody() -> None:
    default = api_settings.DEFAULT_PERMISSION_CLASSES
    assert [str(one) for one in default] == [str(DenyAll)]
    request = Request(RequestFactory().get("/"))
    request.auth = STAFF
    assert not DenyAll().has_permission(request, None)
