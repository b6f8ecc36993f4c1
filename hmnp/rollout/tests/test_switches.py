"""Who is V2's: by share, by name, for all; and back with one click."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from hmnp.accounts.models import Partner
from hmnp.accounts.principals import Kind, Principal
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.rollout.models import Flag, ShimCall
from hmnp.rollout.states import Capability
from hmnp.rollout.switches import VISITOR_COOKIE, flags, part_of, set_killed, uses_v2
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

V1 = "https://v1.example.com"


@pytest.fixture(autouse=True)
def _v1_is_there(settings: Settings) -> None:
    settings.V1_BASE_URL = V1
    flags()


def served(visitor: str, **kwargs: Any) -> bool:
    request = RequestFactory().get("/")
    request.COOKIES[VISITOR_COOKIE] = visitor
    return uses_v2(capability=Capability.PAGES, request=request, **kwargs)


def set_pages(**values: Any) -> None:
    Flag.objects.filter(name=Capability.PAGES.value).update(**values)


def test_a_share_is_as_large_as_it_says_and_a_larger_one_moves_nobody_back() -> None:
    name = Capability.PAGES.value
    crowd = [f"visitor-{number}" for number in range(4000)]
    for percent in (5, 25, 50, 99):
        share = {visitor for visitor in crowd if part_of(name, visitor) < percent * 100}
        assert abs(len(share) / 40 - percent) < 3
    first = min(crowd, key=lambda visitor: part_of(name, visitor))
    last = max(crowd, key=lambda visitor: part_of(name, visitor))
    for share_now, wanted in ((0, (False, False)), (1, (True, False)), (99.9, (True, False))):
        set_pages(percent=share_now)
        assert (served(first), served(last)) == wanted
    # For each switch another share, so that the same few do not try everything first.
    others = {visitor for visitor in crowd if part_of("v2-booking", visitor) < 500}
    assert others - {visitor for visitor in crowd if part_of(name, visitor) < 500}


def test_staff_and_partners_can_be_named_and_everybody_sent_back() -> None:
    partner = Partner.objects.create(name="Title Co")
    caller = Principal(kind=Kind.PARTNER, ip="203.0.113.5", partner=partner)
    member = Principal(
        kind=Kind.STAFF, ip="203.0.113.6", user=User.objects.create_user("s", is_staff=True)
    )
    assert not served("a", principal=caller)
    assert not served("a", principal=member)
    flag = Flag.objects.get(name=Capability.PAGES.value)
    flag.partners.add(partner)
    set_pages(staff=True)
    assert served("a", principal=caller)
    assert served("a", principal=member)
    assert not served("a")
    set_pages(everyone=True)
    assert served("a")
    set_killed(is_killed=True, note="test")
    assert not any(served("a", principal=one) for one in (None, caller, member))
    set_killed(is_killed=False, note="test")
    assert served("a")


def test_pages_lead_to_v1_but_what_was_booked_here_stays(
    catalogue: Catalogue, settings: Settings
) -> None:
    visitor = Client()
    away = visitor.get("/?utm_source=x")
    assert (away.status_code, away["Location"]) == (302, f"{V1}/?utm_source=x")
    assert away["Cache-Control"] == "no-store"
    assert visitor.get("/book/standard-notary/when/")["Location"] == f"{V1}/booking"
    kept = visitor.cookies[VISITOR_COOKIE].value
    for path in ("/find/", "/healthz", "/terms/", "/api/v2/services"):
        assert visitor.get(path).status_code == 200
    set_pages(everyone=True)
    assert visitor.get("/").status_code == 200
    assert visitor.cookies[VISITOR_COOKIE].value == kept
    told = Client().get("/api/v1/switches").json()
    assert told["v2"] == {
        "v2-pages": True,
        "v2-booking": False,
        "v2-reads": False,
        "v2-availability": False,
    }
    settings.V1_BASE_URL = ""
    set_pages(everyone=False)
    assert Client().get("/").status_code == 200


def test_the_desk_moves_a_switch_and_goes_back_in_one_click() -> None:
    partner = Partner.objects.create(name="Title Co")
    client, user = Client(), User.objects.create_user("desk", is_staff=True)
    open_desk(client, user)
    assert client.get("/admin/rollout/").status_code == 403
    allowed = Permission.objects.filter(codename__in=("view_flag", "change_flag"))
    user.user_permissions.add(*allowed.filter(content_type__app_label="rollout"))
    page = client.get("/admin/rollout/")
    assert page.status_code == 200
    assert b"Back to V1 with everybody" in page.content
    move = {
        "do": "switch",
        "name": "v2-pages",
        "mode": "some",
        "percent": "12.5",
        "staff": "on",
        "partners": [partner.pk],
    }
    client.post("/admin/rollout/", move)
    flag = Flag.objects.get(name="v2-pages")
    assert (flag.everyone, float(flag.percent or 0), flag.staff) == (None, 12.5, True)
    assert list(flag.partners.all()) == [partner]
    assert flag.note.startswith("desk, ")
    client.post("/admin/rollout/", {**move, "percent": "120"})
    flag.refresh_from_db()
    assert float(flag.percent or 0) == 12.5
    set_pages(everyone=True)
    client.post("/admin/rollout/", {"do": "kill"})
    assert not served("a")
    client.post("/admin/rollout/", {"do": "resume"})
    assert served("a")


def test_v1_can_end_when_all_is_v2s_and_nobody_has_called_for_a_fortnight(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def usage() -> str:
        try:
            call_command("v1_usage")
        except CommandError as error:
            return str(error)
        return capsys.readouterr().out.splitlines()[-1]

    assert usage() == "V1 cannot end yet."
    Flag.objects.update(everyone=True)
    assert "V1 can end" in usage()
    now = timezone.now()
    call = ShimCall.objects.create(
        day=now.date(), endpoint="POST /api/bookings", caller="x", status=201, calls=3, last_at=now
    )
    assert usage() == "V1 cannot end yet."
    then = now - timedelta(days=14)
    ShimCall.objects.filter(pk=call.pk).update(day=then.date(), last_at=then)
    assert "V1 can end" in usage()
    set_killed(is_killed=True, note="")
    assert usage() == "V1 cannot end yet."
