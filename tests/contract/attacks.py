"""One attack from outside, the world it meets, and what no answer to it may show."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from bookings.links import manage_url
from bookings.models import Booking, BookingDocument, Notary, SlotClaim, TimelineEvent
from bookings.tests.factories import NOW, a_notary, book, customer
from hmnp.core import tokens
from integrations.models import OutboxJob
from services.tests.fixtures import Catalogue

EVIL = "evil.example"
# Of this thread's processor time, for the worst of all requests.
MOST_SECONDS = 1.0
JSON = "application/json"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
BOOKINGS = "/api/v2/bookings"
REFUSED = frozenset(range(400, 500))


@dataclass(frozen=True)
class Attack:
    """One request. `{own}`, `{other}` in the path are booking ids; `statuses` is what may come."""

    name: str
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    data: Any = None
    content_type: str = JSON
    statuses: frozenset[int] = REFUSED
    # What must be in no header and not in the body.
    absent: tuple[str, ...] = (EVIL,)
    is_personal: bool = False


@dataclass
class World:
    """A customer's remote booking, somebody else's, a notary, and a signed-in member of staff."""

    own: Booking
    other: Booking
    notary: Notary
    staff: User

    def fill(self, path: str) -> str:
        return path.replace("{own}", str(self.own.pk)).replace("{other}", str(self.other.pk))

    def state(self) -> list[Any]:
        """Give all that an attack could have changed."""
        return [
            list(Booking.objects.order_by("pk").values_list("pk", "status", "version", "street")),
            list(SlotClaim.objects.order_by("pk").values_list("pk", "state")),
            list(BookingDocument.objects.order_by("pk").values_list("pk", "status")),
            (TimelineEvent.objects.count(), OutboxJob.objects.count(), User.objects.count()),
        ]


@pytest.fixture
def world(catalogue: Catalogue, settings: Settings, tmp_path: Path) -> Iterator[World]:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    notary = a_notary(skills=["ron", "standard-notary"])
    for _ in range(2):
        a_notary(skills=["ron", "standard-notary"])
    with time_machine.travel(NOW, tick=False):
        own = book(slug="ron", zip_code=None, who=customer(street="", city="", state=""))
        other = book()
        staff = User.objects.create_superuser("owner", "owner@example.com", "pass-owner-1")
        yield World(own=own, other=other, notary=notary, staff=staff)


def browser(**kwargs: Any) -> Client:
    return Client(raise_request_exception=False, **kwargs)


def bearer(booking: Booking, purpose: str = tokens.ACCESS, **kwargs: Any) -> dict[str, str]:
    token = tokens.derive(purpose=purpose, subject_id=booking.pk, **kwargs)
    return {"Authorization": f"Bearer {token.text}"}


def send(client: Client, world: World, attack: Attack) -> Any:
    data = attack.data
    if isinstance(data, dict | list) and attack.content_type == JSON:
        data = json.dumps(data)
    path, _, query = world.fill(attack.path).partition("?")
    environ = {"HTTP_" + name.upper().replace("-", "_"): v for name, v in attack.headers.items()}
    return client.generic(
        attack.method,
        path,
        data if data is not None else b"",
        content_type=attack.content_type,
        QUERY_STRING=query,
        **environ,  # type: ignore[arg-type]  # what WSGI would hand over
    )


def faults_of(attack: Attack, answer: Any) -> list[str]:
    """List what is wrong with an answer, whatever was asked."""
    wrong = []
    headers = {name.lower(): value for name, value in answer.items()}
    text = answer.content.decode(errors="replace")
    whole = "\n".join([*(f"{name}: {value}" for name, value in headers.items()), text])
    whole += "".join(str(morsel) for morsel in answer.cookies.values())
    if answer.status_code not in attack.statuses:
        wrong.append(f"{answer.status_code}, not one of {sorted(attack.statuses)[:4]}")
    wrong += [f"shows {part!r}" for part in attack.absent if part in whole]
    if "Traceback" in text or "django.core" in text:
        wrong.append("tells of the code")
    if any("\r" in value or "\n" in value for value in headers.values()):
        wrong.append("a header of two lines")
    wrong += [f"CORS: {name}" for name in headers if name.startswith("access-control-")]
    if headers.get("x-content-type-options") != "nosniff":
        wrong.append("may be sniffed")
    if headers.get("x-frame-options") != "DENY":
        wrong.append("may be framed")
    policy = headers.get("content-security-policy", "")
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        if part not in policy:
            wrong.append(f"CSP lacks {part}")
    # The desk's theme evaluates what its own templates say; no other page may.
    may_evaluate = str(answer.request["PATH_INFO"]).startswith("/admin/")
    if "'unsafe-inline'" in re.sub(r"style-src [^;]*", "", policy) or (
        "'unsafe-eval'" in policy and not may_evaluate
    ):
        wrong.append("CSP lets scripts in")
    if attack.is_personal and "no-store" not in headers.get("cache-control", ""):
        wrong.append("may be stored")
    if answer.cookies and "public" in headers.get("cache-control", ""):
        wrong.append("a cookie in what caches keep")
    if any(morsel["domain"] for morsel in answer.cookies.values()):
        wrong.append("a cookie for a whole domain")
    return wrong


def run(world: World, attacks: list[Attack], make: Callable[[], Client] = browser) -> None:
    """Send each from a browser of its own; nothing of the world may change."""
    before = world.state()
    # What is imported at the first request is no attack's work.
    browser().get("/find/")
    browser().get("/api/v2/services")
    wrong = {}
    for attack in attacks:
        began = time.thread_time()
        found = faults_of(attack, send(make(), world, attack))
        if (took := time.thread_time() - began) > MOST_SECONDS:
            found.append(f"{took:.1f} s of work")
        if found:
            wrong[attack.name] = found
    assert wrong == {}
    assert world.state() == before


OK, ABSENT = frozenset({200}), frozenset({404})
HOSTS = [
    *("evil.example", "evil.example:80", "testserver@evil.example", "testserver:80@evil.example"),
    *("testserver.evil.example", "evil.example#testserver", "testserver, evil.example", ""),
    *("testserver evil.example", "http://testserver/", "testserver:port", "testserver:80/evil"),
    *("[::1]evil.example", "testserver\\evil.example", "ｔestserver", "testserver%00", "*"),
]
FORWARDED = {
    "X-Forwarded-Host": EVIL,
    "X-Host": EVIL,
    "X-Forwarded-Server": EVIL,
    "X-HTTP-Host-Override": EVIL,
    "Forwarded": f"for=1.2.3.4;host={EVIL};proto=https",
    "X-Forwarded-Proto": f"https://{EVIL}",
    "X-Forwarded-Scheme": EVIL,
    "X-Forwarded-Port": f"1@{EVIL}",
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Script-Name": f"//{EVIL}",
    "X-Forwarded-For": f"{EVIL}, 127.0.0.1",
    "X-Real-IP": EVIL,
    "X-Original-URL": "/admin/?evil.example",
    "X-Rewrite-URL": "/api/v2/bookings?evil.example",
    "X-Forwarded-Uri": f"/{EVIL}",
    "Origin": f"https://{EVIL}",
    "Referer": f"https://{EVIL}/",
    "Accept-Language": EVIL,
    "User-Agent": f"<script>{EVIL}</script>",
    "X-Request-Id": f"<{EVIL}>",
}
FORM = "application/x-www-form-urlencoded"


def enter(client: Client, booking: Booking) -> Any:
    """Open a booking's page by its link, which leaves the cookie."""
    address = manage_url(booking=booking)
    return client.get(address[address.index("/manage") :])
