"""Signed links, tokens and cookies open one thing, for one purpose."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from bookings.models import Booking, Notary
from bookings.pages import cookies as page_cookies
from bookings.tests.browsing import pick
from hmnp.core import tokens
from tests.contract.attacks import (
    ABSENT,
    BOOKINGS,
    JSON,
    REFUSED,
    Attack,
    World,
    bearer,
    browser,
    enter,
    run,
)

pytestmark = pytest.mark.django_db


def _variants(text: str) -> list[str]:
    head, _, mac = text.rpartition(".")
    other = "A" if mac[0] != "A" else "B"
    key_id, purpose, subject, _, _ = text.split(".")
    return [
        *(f"{head}.{other}{mac[1:]}", f"{head}.", head, f"{text}.", f"{text}=", f"{text} "),
        *(text.upper(), f"other{text}", f"{key_id}.{purpose}.{subject}.01.{mac}", f".{text}"),
        *(f"{key_id}.{purpose}.{subject}.2.{mac}", f"{key_id}.{purpose}.{subject}.-1.{mac}"),
        *(f"{key_id}.{purpose}.{{{subject}}}.1.{mac}", f".{purpose}.{subject}.1.{mac}"),
    ]


def test_a_link_opens_one_thing_for_one_purpose(world: World) -> None:
    own, other = world.own, world.other
    manage = tokens.derive(purpose=tokens.MANAGE, subject_id=own.pk).text
    texts = [
        *_variants(manage),
        *(
            tokens.derive(purpose=one, subject_id=own.pk).text
            for one in (tokens.HOLD, tokens.ACCESS)
        ),
        tokens.derive(purpose=tokens.MANAGE, subject_id=other.pk).text,
        tokens.derive(purpose=tokens.MANAGE, subject_id=own.pk, generation=2).text,
    ]
    rows = [
        Attack(text, f"/manage/{{own}}?token={quote(text)}", absent=("Ada Customer", own.reference))
        for text in texts
    ]
    access = tokens.derive(purpose=tokens.ACCESS, subject_id=own.pk).text
    wrong = [f"{text}x" if text.strip() == access else text for text in _variants(access)]
    wrong += [
        tokens.derive(purpose=one, subject_id=own.pk).text for one in (tokens.HOLD, tokens.MANAGE)
    ]
    rows += [
        Attack(
            text,
            f"{BOOKINGS}/{{own}}",
            headers={"Authorization": f"Bearer {text}"},
            statuses=frozenset({401}),
            absent=("Ada Customer",),
        )
        for text in wrong
    ]
    rows.append(Attack("another's", f"{BOOKINGS}/{{own}}", headers=bearer(other), statuses=ABSENT))
    run(world, rows)
    Booking.objects.filter(pk=own.pk).update(access_generation=2)
    run(
        world,
        [
            Attack("a link taken back", f"/manage/{{own}}?token={manage}"),
            Attack("a token taken back", f"{BOOKINGS}/{{own}}", headers=bearer(own)),
        ],
    )
    feed = world.notary.feed_secret
    found = browser().get(f"/calendar/{feed}.ics")
    assert found.status_code == 200
    assert "public" not in found["Cache-Control"]
    guessed = (
        feed.swapcase(),
        feed[:-1],
        f"{feed}x",
        "%25",
        "_" * len(feed),
        f"{feed}.ics",
        manage,
    )
    run(world, [Attack(text, f"/calendar/{text}.ics", statuses=ABSENT) for text in guessed])
    Notary.objects.filter(pk=world.notary.pk).update(is_active=False)
    run(world, [Attack("a notary who left", f"/calendar/{feed}.ics", statuses=ABSENT)])


def test_signed_texts_are_not_taken_for_one_another(world: World) -> None:
    """A quote is no hold, a hold no quote, a hold token no access, and a cookie only itself."""
    query = {"serviceId": "ron", "scheduledDateTime": "2027-03-03T10:00:00-06:00"}
    quoted = browser().get("/api/v2/services/pricing", query).json()["quoteToken"]
    wanted = {"serviceId": "ron", "startTime": "2027-03-03T10:00:00-06:00"}
    held = browser().post("/api/v2/availability/hold", wanted, content_type=JSON).json()
    token, access = held["holdToken"], bearer(world.own)["Authorization"][7:]
    hold = "/api/v2/availability/hold"
    intent = "/api/v2/payments/intent"
    rows = [
        *(
            Attack(f"as a quote: {text[:9]}", hold, "POST", {}, {**wanted, "quoteToken": text})
            for text in (token, access, f"{quoted}x", quoted[1:], quoted.swapcase(), "")
        ),
        *(
            Attack(f"as a hold: {text[:9]}", hold, "POST", {}, {**wanted, "holdToken": text})
            for text in (quoted, access)
        ),
        *(
            Attack(
                f"to pay: {text[:9]}",
                intent,
                "POST",
                {},
                {"holdId": held["holdId"], "holdToken": text},
            )
            for text in (quoted, access, token[:-1], "")
        ),
        Attack(
            "hold as access", f"{BOOKINGS}/{{own}}", headers={"Authorization": f"Bearer {token}"}
        ),
        Attack(
            "quote as access", f"{BOOKINGS}/{{own}}", headers={"Authorization": f"Bearer {quoted}"}
        ),
        Attack("another's hold", f"{hold}/{held['holdId']}", "DELETE", {"X-Hold-Token": access}),
        Attack("no hold token", f"{hold}/{held['holdId']}", "DELETE"),
    ]
    run(world, rows)

    client = browser()
    enter(client, world.own)
    value = client.cookies["hmnp_manage"].value
    own = f"/manage/{world.own.pk}"
    assert client.get(own).status_code == 200
    for name, text in {
        "hmnp_hold": value,
        "hmnp_booking": value,
        "hmnp_draft": value,
        "hmnp_manage": value + "x",
    }.items():
        stranger = browser()
        stranger.cookies[name] = text
        assert stranger.get(own).status_code in REFUSED, name
        assert stranger.get("/book/ron/details/").status_code != 500, name
    stranger = browser()
    stranger.cookies["hmnp_manage"] = value
    assert stranger.get(f"/manage/{world.other.pk}").status_code in REFUSED


def test_cookies_go_where_they_are_needed_and_no_further(world: World, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client = browser()
    seen = dict(enter(client, world.own).cookies)
    picked = pick(Client(), slug="ron")
    seen |= dict(picked.cookies)
    seen |= dict(client.get("/find/").cookies)
    signed_in = client.post("/accounts/login/", {"login": "owner", "password": "pass-owner-1"})
    seen |= dict(signed_in.cookies)
    assert set(seen) >= {"hmnp_manage", "hmnp_hold", "csrftoken", "sessionid"}
    for name, morsel in seen.items():
        assert (morsel["secure"], morsel["samesite"], morsel["domain"]) == (True, "Lax", ""), name
        assert bool(morsel["httponly"]) is (name != "csrftoken"), name
    assert seen["hmnp_manage"]["path"] == f"/manage/{world.own.pk}"
    assert seen["hmnp_hold"]["path"] == page_cookies._BOOK_PATH == "/book/"
    assert "Ada" not in "".join(morsel.value for morsel in seen.values())
