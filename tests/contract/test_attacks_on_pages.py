"""What caches keep, other sites, redirects, and the policy of every page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from bookings.links import manage_url
from bookings.pages import find as find_page
from bookings.tests.callers import body as booking_body
from hmnp.accounts.tests.desk_door import open_desk
from tests.contract.attacks import (
    ABSENT,
    BOOKINGS,
    EVIL,
    FORM,
    FORWARDED,
    HOSTS,
    JSON,
    OK,
    Attack,
    World,
    bearer,
    browser,
    enter,
    faults_of,
    run,
)

pytestmark = pytest.mark.django_db

PERSONAL = [
    *(f"{BOOKINGS}/{{own}}", f"{BOOKINGS}/{{own}}/events", f"{BOOKINGS}/{{own}}/calendar.ics"),
    *(f"{BOOKINGS}/{{own}}/documents", f"{BOOKINGS}/{{own}}/cancellation"),
    *("/manage/{own}", "/manage/{own}/cancel", "/manage/{own}/reschedule", "/manage/{own}/session"),
    *("/manage/{own}/calendar.ics", "/manage/{own}/receipt", "/manage/{own}/pay"),
]


def test_what_is_personal_is_stored_by_no_cache(world: World) -> None:
    """Whoever owns it reads it; whoever does not gets a refusal that is stored as little."""
    mine = browser()
    enter(mine, world.own)
    asked = [
        Attack(
            path,
            path,
            headers=bearer(world.own),
            statuses=OK | ABSENT | {302, 409, 503},
            is_personal=True,
        )
        for path in PERSONAL
    ]
    run(world, asked, lambda: mine)
    run(world, [Attack(path, path, is_personal=True) for path in PERSONAL])
    staff = browser()
    open_desk(staff, world.staff)
    pages = ("/admin/", "/admin/bookings/booking/{own}/change/", "/admin/bookings/booking/")
    run(world, [Attack(path, path, statuses=OK, is_personal=True) for path in pages], lambda: staff)
    deceived = [f"{path}/{name}" for path in PERSONAL[:6] for name in ("a.css", "..;/a.js")]
    run(world, [Attack(path, path, headers=bearer(world.own)) for path in deceived], lambda: mine)


def test_what_caches_keep_is_alike_for_everybody(world: World) -> None:
    plain = browser().get("/api/v2/services")
    assert plain["Cache-Control"] == "public, max-age=60"
    mine = browser()
    enter(mine, world.own)
    open_desk(mine, world.staff)
    for name, value in FORWARDED.items():
        answer = mine.get("/api/v2/services", headers={name: value})
        assert (answer.content, answer["ETag"]) == (plain.content, plain["ETag"]), name
        assert not answer.cookies
    page = browser().get("/find/")
    assert "Cookie" in page["Vary"]


CROSS_SITE = [
    Attack(f"{method} {path} as {kind}", path, method, {"Origin": f"https://{EVIL}"}, data, kind)
    for method, path, data in (
        ("POST", BOOKINGS, json.dumps(booking_body())),
        ("PATCH", f"{BOOKINGS}/{{own}}", '{"customerName": "Eve Evil"}'),
        ("DELETE", f"{BOOKINGS}/{{own}}", ""),
        ("POST", f"{BOOKINGS}/{{own}}/documents", ""),
    )
    for kind in (
        JSON,
        "text/plain",
        FORM,
        "multipart/form-data; boundary=x",
        "text/json",
        "application/json; charset=utf-7",
    )
] + [
    Attack(path, path, "POST", {"Origin": f"https://{EVIL}"}, "form_key=" + "a" * 32, FORM)
    for path in (
        *("/manage/{own}/cancel", "/manage/{own}/reschedule", "/manage/{own}/session", "/find/"),
        *("/book/ron/when/", "/book/ron/details/", "/admin/bookings/booking/{own}/change/"),
        *("/admin/logout/", "/accounts/login/", "/admin/bookings/booking/{own}/money/"),
    )
]


def test_another_site_does_nothing_in_a_staff_members_name(world: World) -> None:
    """The browser sends its cookies along; the site has no CSRF token to add."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    open_desk(client, world.staff)
    enter(client, world.own)
    run(world, CROSS_SITE, lambda: client)


def test_json_in_disguise_is_not_read(world: World) -> None:
    whole = json.dumps(booking_body())
    kinds = ("text/plain", FORM, "text/json", "application/x-json", "application/xml", "")
    rows = [Attack(kind, BOOKINGS, "POST", {}, whole, kind, frozenset({415})) for kind in kinds]
    run(world, rows)


NEXTS = [
    *(f"https://{EVIL}/", f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"https:{EVIL}"),
    *(f"http:///{EVIL}", f"\t//{EVIL}", f"javascript:{EVIL}", f"https://testserver@{EVIL}"),
    *(f"//{EVIL}%2f..", f"https://testserver.{EVIL}", f"data:text/html,{EVIL}", f" //{EVIL}"),
]


def test_no_redirect_leads_to_another_site(world: World) -> None:
    link = manage_url(booking=world.own)
    link = link[link.index("/manage") :]
    for there in NEXTS:
        then = quote(there, safe="")
        client = browser()
        signed_in = client.post(
            f"/accounts/login/?next={then}",
            {"login": "owner", "password": "pass-owner-1", "next": there},
        )
        entered = client.get(f"{link}&next={then}")
        assert (signed_in.status_code, entered.status_code) == (302, 302)
        assert signed_in["Location"] == "/admin/", there
        assert entered["Location"] == f"/manage/{world.own.pk}", there
        for path in (
            f"/find/sent/?next={then}",
            f"/manage/{world.own.pk}/pay/return?next={then}",
            f"/book/pay/return?return_url={then}",
            f"/{there}",
        ):
            assert EVIL not in client.get(path).headers.get("Location", ""), path


def test_every_page_has_its_policy_errors_included(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    staff = browser()
    open_desk(staff, world.staff)
    enter(staff, world.own)
    paths = [
        *("/", "/services/ron/", "/fees/", "/terms/", "/privacy/", "/book/ron/when/", "/find/"),
        *("/book/ron/details/", "/book/pay/", "/find/sent/", "/accounts/login/", "/admin/"),
        *("/manage/{own}", "/manage/{own}/session", "/manage/{own}/cancel", "/nowhere"),
        *("/manage/{other}", "/api/v2/docs", "/admin/bookings/booking/{own}/money/"),
        *("/admin/integrations/outside/", "/admin/nowhere/", "/calendar/x.ics"),
    ]
    any_status = frozenset(range(200, 500))
    run(world, [Attack(path, path, statuses=any_status) for path in paths], lambda: staff)

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(f"{EVIL} secret")

    monkeypatch.setattr(find_page, "render", broken)
    run(world, [Attack("500", "/find/", statuses=frozenset({500}))])
    settings.RATE_LIMIT_LOGIN = "1/h"
    limited = [browser().post("/accounts/login/", {}, REMOTE_ADDR="198.51.100.77") for _ in "12"][1]
    assert faults_of(Attack("429", statuses=frozenset({429})), limited) == []


def test_over_plain_http_the_way_leads_to_our_own_name(world: World, settings: Settings) -> None:
    """A forged host before the redirect to https is neither followed nor shown."""
    settings.SECURE_SSL_REDIRECT, settings.SECURE_SSL_HOST = True, "book.example.com"
    for host in HOSTS:
        answer = browser().get("/find/", HTTP_HOST=host)
        assert answer["Location"] == "https://book.example.com/find/", host
