"""What strangers try on the way in: each row says what is sent, and all of what must not happen.

Rows of one kind run in one test, against one booking, and nothing of it may have changed after.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpcore
import httpx
import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from bookings.links import manage_url
from bookings.models import Booking, BookingDocument, Notary, SlotClaim, TimelineEvent
from bookings.notary_form import NotaryForm
from bookings.pages import cookies as page_cookies
from bookings.pages import find as find_page
from bookings.tests.browsing import pick
from bookings.tests.callers import body as booking_body
from bookings.tests.factories import NOW, a_notary, book, customer
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import tokens
from hmnp.core.public_addresses import is_public
from integrations import public_http
from integrations.caldav import client as caldav
from integrations.errors import ConnectorError
from integrations.models import OutboxJob
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

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
HOST_ATTACKS = [
    Attack(f"host {host!r} at {path}", path, headers={"Host": host}, statuses=frozenset({400}))
    for host in HOSTS
    for path in ("/", "/api/v2/services")
] + [Attack("absolute address as the path", f"/http://{EVIL}/", statuses=ABSENT)]

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
FORWARDED_ATTACKS = [
    Attack(f"{name} at {path}", path, headers={name: value}, statuses=OK)
    for name, value in FORWARDED.items()
    for path in ("/", "/api/v2/services", "/find/")
]
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
METHOD_ATTACKS = [
    *(
        Attack(f"{name}: DELETE on {method}", f"{BOOKINGS}/{{own}}", method, {name: "DELETE"})
        for name in OVERRIDES
        for method in ("POST", "GET")
    ),
    Attack("_method in the query", f"{BOOKINGS}/{{own}}?_method=DELETE", "POST"),
    Attack("a format suffix", f"{BOOKINGS}/{{own}}.json"),
    *(Attack(f"{one} on a page", "/find/", one) for one in ("TRACE", "CONNECT", "PUT", "DELETE")),
    *(
        Attack(f"{one} in the API", BOOKINGS, one)
        for one in ("TRACE", "PROPFIND", "GeT", "OPTIONS")
    ),
    Attack("HEAD changes nothing", "/manage/{own}/cancel", "HEAD", statuses=frozenset({200, 404})),
    Attack("a GET that would cancel", "/manage/{own}/cancel?form_key=x&confirm=1"),
]

LINES = "x\r\nSet-Cookie: evil.example=1"
FORM = "application/x-www-form-urlencoded"
INJECTIONS = [
    *(
        Attack(f"two lines in {name}", headers={name: LINES}, statuses=frozenset({200, 400}))
        for name in ("X-Request-Id", "Accept-Language", "If-None-Match", "Cookie", "HX-Request")
    ),
    Attack(
        "two lines as the key",
        BOOKINGS,
        "POST",
        {"Idempotency-Key": LINES + "x" * 20},
        {},
        statuses=frozenset({400}),
    ),
    Attack("two lines in a path", "/%0d%0aSet-Cookie:evil.example=1", statuses=ABSENT, absent=()),
    Attack("two lines in a query", "/find/sent/?a=%0d%0aSet-Cookie:evil=1", statuses=OK),
    *(
        Attack(f"a NUL in {path}", path)
        for path in (
            *("/%00", "/calendar/%00.ics", "/calendar/a%00b.ics", "/services/%00/"),
            *("/book/ron%00/when/", "/api/v2/services/ron%00", "/manage/{own}?token=%00"),
            *("/api/v2/availability?serviceId=%00&date=2027-03-02", f"{BOOKINGS}/%00"),
            "/api/v2/services/pricing?serviceId=ron&promoCode=%00",
        )
    ),
    Attack("a NUL in a form", "/find/", "POST", {}, "reference=%00&contact=%00", FORM),
    Attack("a NUL in a token", f"{BOOKINGS}/{{own}}", headers={"Authorization": "Bearer a\0.b"}),
    Attack("a NUL in a key", BOOKINGS, headers={"Authorization": "Api-Key a\0.b"}),
    Attack("SQL in an id", f"{BOOKINGS}/1'%20OR%20'1'='1"),
    Attack("SQL in a cursor", f"{BOOKINGS}?cursor='%3BDROP%20TABLE%20x--"),
    Attack(
        "script in a query",
        "/book/ron/when/?zip=<script>evil.example</script>&day=1",
        statuses=frozenset({200, 400}),
        absent=("<script>evil",),
    ),
    Attack("a template in a query", "/manage/{own}?done={{settings.SECRET_KEY}}"),
]
LONG = "a" * 20_000
OVERLONG = [
    Attack("path", f"/{LONG}", statuses=ABSENT),
    Attack("slug", f"/services/{LONG}/", statuses=ABSENT),
    Attack("feed", f"/calendar/{LONG}.ics", statuses=ABSENT),
    Attack("id", f"{BOOKINGS}/{LONG}"),
    Attack("query", f"/?q={LONG * 5}", statuses=OK),
    Attack("many parameters", "/find/sent/?" + "&".join(["a=1"] * 2000), statuses=OK | REFUSED),
    Attack("token", f"{BOOKINGS}/{{own}}", headers={"Authorization": f"Bearer {LONG}"}),
    Attack("key", BOOKINGS, headers={"Authorization": f"Api-Key {LONG}.{LONG}"}),
    Attack("cookie", headers={"Cookie": f"sessionid={LONG}; hmnp_hold={LONG}"}, statuses=OK),
    Attack("language", headers={"Accept-Language": "a," * 20_000}, statuses=OK),
    Attack("tags", "/api/v2/services", headers={"If-None-Match": '"a",' * 9000}, statuses=OK),
    Attack("body", BOOKINGS, "POST", data="{" + " " * 300_000 + "}", statuses=frozenset({413})),
    Attack("many fields", "/find/", "POST", {}, "a=1&" * 1500, FORM),
    Attack("generation", "/manage/{own}?token=local.manage.x." + "9" * 5000 + ".x"),
]
UNICODE = [
    *(
        Attack(f"path {path}", path, statuses=ABSENT)
        for path in (
            *(
                "/%c0%ae%c0%ae/etc/passwd",
                "/%ff%fe",
                "/services/r%D0%BEn/",
                "/services/ron%E2%80%8B/",
            ),
            *("/ﬁnd/", "/admin%E2%80%A4/", "/%EF%BC%8Fevil.example", "/calendar/%F0%9F%94%91.ics"),
        )
    ),
    Attack("digits of another script", "/api/v2/services/pricing?serviceId=ron&signers=%EF%BC%91"),
    Attack("dates of another script", "/api/v2/availability?serviceId=ron&date=%D9%A2027-03-02"),
    Attack("a broken query", "/api/v2/services/pricing?serviceId=%ff%fe"),
    Attack("a token beyond ASCII", "/manage/{own}?token=l%C3%B6cal.manage.x.1.y"),
    *(
        Attack(
            f"name {name!r}",
            BOOKINGS,
            "POST",
            {},
            booking_body(customerName=name),
            statuses=frozenset({400}),
        )
        for name in (
            "\u202eevil\u202d",
            "Ada\x00B",
            "Ada\r\nBcc: a@evil.example",
            "\u200b\u200b",
            "Ada\x1b[31m",
        )
    ),
    Attack("half a character", BOOKINGS, "POST", {}, r'{"customerName": "\ud800abc"}'),
    Attack(
        "an address of two lines",
        BOOKINGS,
        "POST",
        {},
        booking_body(customerEmail="a@example.com\nBcc: b@evil.example"),
    ),
]
TRAVERSAL = [
    Attack(path, path, statuses=ABSENT, absent=("SECRET_KEY", "TOKEN_KEYS", "root:"))
    for path in (
        *("/static/../hmnp/settings/base.py", "/static/%2e%2e/%2e%2e/etc/passwd", "/.env"),
        *("/static/..%2f..%2f.env", "/static/....//....//.env", "/static/%252e%252e/.env"),
        *("/static//etc/passwd", "/static/..\\..\\.env", "/media/documents/x.pdf", "/.git/config"),
        *("/documents/{own}/x.pdf", "/calendar/..%2f..%2fetc%2fpasswd.ics", "/manage.py"),
        *("/calendar/../admin.ics", "/services/../admin/", "/openapi.yaml", "/media/"),
    )
] + [
    Attack("a document beside", f"{BOOKINGS}/{{own}}/documents/..%2f..%2f{{other}}", "DELETE"),
    Attack("a booking beside", f"{BOOKINGS}/{{own}}/../{{other}}"),
]
PREFLIGHTS = [
    Attack(
        f"{origin} asks for {path}",
        path,
        "OPTIONS",
        {
            "Origin": origin,
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization",
            "Access-Control-Request-Private-Network": "true",
        },
    )
    for origin in (f"https://{EVIL}", "null", "http://testserver.evil.example")
    for path in (BOOKINGS, f"{BOOKINGS}/{{own}}", "/api/v2/payments/intent", "/find/")
]
DEEP = "[" * 100_000
BOMBS = [
    Attack(name, BOOKINGS, "POST", {}, data, statuses=frozenset({400}))
    for name, data in {
        "deep lists": DEEP,
        "deep objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
        "deep inside a field": '{"address":' + "[" * 900 + "]" * 900 + "}",
        "a number of 5000 digits": '{"signers": ' + "9" * 5000 + "}",
        "a number of 4000 digits": '{"signers": ' + "9" * 4000 + "}",
        "an infinite number": '{"expectedFinalPrice": 1e999}',
        "a tiny number": '{"expectedFinalPrice": 1e-999999999}',
        "NaN": '{"expectedFinalPrice": NaN}',
        "a price of 300 digits": '{"expectedFinalPrice": 1e300}',
        "twice the same name": '{"signers": 1,' + json.dumps(booking_body(signers=1))[1:],
        "a mark first": b"\xef\xbb\xbf{}",
        "UTF-16": '{"signers": 1}'.encode("utf-16"),
        "a list": "[]",
        "a text": '"x"',
        "nothing": "",
        "prototypes": '{"__proto__": {"isStaff": true}, "constructor": 1}',
        "many people": json.dumps(booking_body(signerDetails=[{"name": "A"}] * 5000)),
        "an e-mail to think about": json.dumps(booking_body(customerEmail="a." * 20_000 + "@x")),
        "a phone to think about": json.dumps(booking_body(customerPhone="(" * 200_000)),
        "a time to think about": json.dumps(booking_body(scheduledDateTime="1" * 200_000)),
    }.items()
]
TABLE = {
    "host": HOST_ATTACKS,
    "forwarded": FORWARDED_ATTACKS,
    "method": METHOD_ATTACKS,
    "injection": INJECTIONS,
    "overlong": OVERLONG,
    "unicode": UNICODE,
    "traversal": TRAVERSAL,
    "cors": PREFLIGHTS,
    "bomb": BOMBS,
}


@pytest.mark.parametrize("kind", TABLE)
def test_a_stranger_gets_nowhere(world: World, kind: str) -> None:
    run(world, TABLE[kind])


def test_a_body_that_is_refused_is_refused_for_the_attack(world: World) -> None:
    """The rows above that name one field are otherwise bookings that would be made."""
    answer = browser().post(BOOKINGS, booking_body(customerName="Zoë O’Hara-李"), content_type=JSON)
    assert answer.status_code == 201, answer.content


PERSONAL = [
    *(f"{BOOKINGS}/{{own}}", f"{BOOKINGS}/{{own}}/events", f"{BOOKINGS}/{{own}}/calendar.ics"),
    *(f"{BOOKINGS}/{{own}}/documents", f"{BOOKINGS}/{{own}}/cancellation"),
    *("/manage/{own}", "/manage/{own}/cancel", "/manage/{own}/reschedule", "/manage/{own}/session"),
    *("/manage/{own}/calendar.ics", "/manage/{own}/receipt", "/manage/{own}/pay"),
]


def enter(client: Client, booking: Booking) -> Any:
    address = manage_url(booking=booking)
    return client.get(address[address.index("/manage") :])


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


UPLOADS = {
    "a page that ends like a PDF": ("a.pdf", b"<html>%PDF-1.7 %%EOF", 400),
    "a script before the header": ("a.pdf", b"<script>evil</script>" + PDF, 400),
    "a picture": ("a.pdf", b"\x89PNG\r\n\x1a\n" + PDF, 400),
    "an archive": ("a.pdf", b"PK\x03\x04" + PDF, 400),
    "a drawing": ("a.svg", b"<svg onload=alert(1)>", 400),
    "a program": ("a.pdf", b"MZ" + PDF, 400),
    "nothing": ("a.pdf", b"", 400),
    "a path": ("../../etc/passwd", PDF, 201),
    "a Windows path": ("..\\..\\boot.ini.pdf", PDF, 201),
    "an absolute path": ("/etc/cron.d/x.pdf", PDF, 201),
    "written backwards": ("deed\u202efdp.exe", PDF, 201),
    "two endings": ("deed.pdf.html", PDF, 201),
    "two lines": ("a\r\nX-Evil: 1.pdf", PDF, 201),
    "markup": ("<img src=x onerror=alert(1)>.pdf", PDF, 201),
    "a page inside a PDF": ("a.html", PDF[:9] + b"<script>evil</script>" + PDF, 201),
    "a very long name": ("a" * 3000 + ".pdf", PDF, 201),
}


def test_an_upload_is_a_pdf_under_a_name_of_ours(world: World, settings: Settings) -> None:
    root = Path(settings.MEDIA_ROOT)
    client = browser()
    for what, (name, content, status) in UPLOADS.items():
        for kind in ("application/pdf", "text/html"):
            BookingDocument.objects.all().delete()
            sent = {"file": SimpleUploadedFile("x", content, content_type=kind)}
            sent["file"].name = name  # what no browser sends, a program may
            answer = client.post(
                f"{BOOKINGS}/{world.own.pk}/documents", sent, headers=bearer(world.own)
            )
            assert answer.status_code == status, (what, answer.content)
            if status != 201:
                continue
            shown = answer.json()["filename"]
            assert shown.endswith(".pdf"), what
            assert shown.isprintable(), what
            assert len(shown) <= 200, what
            assert not set("/\\\u202e\r\n") & set(shown), what
    for path in root.rglob("*"):
        if path.is_file():
            assert re.fullmatch(
                r"documents/[0-9a-f-]{36}/[0-9a-f-]{36}\.pdf", str(path.relative_to(root))
            )
    two = {"file": SimpleUploadedFile("a.pdf", PDF), "more": SimpleUploadedFile("b.pdf", PDF)}
    answer = client.post(f"{BOOKINGS}/{world.own.pk}/documents", two, headers=bearer(world.own))
    assert answer.status_code == 400


INSIDE = [
    *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0.0.0.0", "localhost"),  # noqa: S104 -- asked, not listened on
    *("169.254.169.254", "10.0.0.5", "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[fd00::1]", "[fe80::1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "255.255.255.255", "198.18.0.1"),
]


@pytest.fixture
def dav(settings: Settings) -> Iterator[Callable[[str], caldav.DavCalendar]]:
    """A calendar as production asks it."""
    settings.TYPED_ADDRESSES_MUST_BE_PUBLIC = True
    caldav._client.cache_clear()
    yield lambda url: caldav.DavCalendar(url=url, user="nora", password="canary-password")
    caldav._client.cache_clear()


def test_a_calendars_address_leads_nowhere_inside(
    dav: Callable[[str], caldav.DavCalendar], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def connect(_self: Any, host: str, *_rest: Any, **_more: Any) -> Any:
        asked.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    urls = [f"https://{host}/cal/" for host in INSIDE] + ["http://93.184.216.34/cal/"]
    for url in urls:
        with pytest.raises(ConnectorError, match=r"not public|is none") as refused:
            dav(url).state()
        assert refused.value.permanent, url
    assert asked == []
    for url in ("file:///etc/passwd", "gopher://127.0.0.1/", "https://"):
        with pytest.raises(ConnectorError):
            dav(url).state()
    with pytest.raises(ConnectorError, match="cannot be reached"):
        dav("https://93.184.216.34/cal/").state()
    assert asked == ["93.184.216.34"]
    settings.SANDBOX_URL = ""
    for url in urls:
        form = NotaryForm(
            {
                "calendar_kind": "caldav",
                "calendar_id": url,
                "calendar_user": "n",
                "calendar_password": "p",
            }
        )
        # A name, or a number only a resolver reads as an address, is judged when it is asked.
        if not re.search(r"//(0x|\d+/)", url):
            assert "calendar_id" in form.errors, url


def test_a_name_is_judged_by_all_it_leads_to_and_asked_where_it_was_judged(
    dav: Callable[[str], caldav.DavCalendar], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    asked: list[str] = []
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_args, **_kwargs: [(2, 1, 6, "", (one, 443)) for one in answers],
    )

    def connect(_self: Any, host: str, *_rest: Any, **_more: Any) -> Any:
        asked.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    answers[:] = ["93.184.216.34", "10.0.0.5"]
    with pytest.raises(ConnectorError, match="not public"):
        dav("https://dav.example.com/").state()
    answers[:] = ["93.184.216.34"]
    with pytest.raises(ConnectorError, match="cannot be reached"):
        dav("https://dav.example.com/").state()
    assert asked == ["93.184.216.34"], "the address that was judged, not the name again"
    client = public_http.new_client()
    assert client.follow_redirects is False
    assert client.trust_env is False
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")
    assert not is_public("dav.example.com")
    assert isinstance(client._transport, httpx.HTTPTransport)


def test_a_name_is_text_in_files_and_mails(world: World) -> None:
    """No line of a calendar file begins with what somebody typed."""
    nasty = "1\nBEGIN:VALARM\nATTENDEE:a@evil.ex;,\\"
    Booking.objects.filter(pk=world.other.pk).update(
        customer_name='=HYPERLINK("http://evil.example")',
        street=nasty,
        unit=nasty,
        city=nasty,
        special_instructions=nasty,
        status="CONFIRMED",
    )
    own = browser().get(f"{BOOKINGS}/{world.other.pk}/calendar.ics", headers=bearer(world.other))
    feed = browser().get(f"/calendar/{world.other.notary.feed_secret}.ics")  # type: ignore[union-attr]  # it has one
    for answer in (own, feed):
        assert answer.status_code == 200
        lines = answer.content.decode().replace("\r\n ", "").split("\r\n")
        assert "BEGIN:VEVENT" in lines
        assert not [line for line in lines if re.match(r"(BEGIN:VALARM|ATTENDEE)", line)]
        assert answer["Content-Type"].startswith("text/calendar")
    typed = ("=1+1", "+1", "-1", "@SUM(A1)", "<b>x</b>", "{{1111*1111}}", "'; DROP TABLE x; --")
    world.other.refresh_from_db()
    client = browser()
    enter(client, world.other)
    for text in typed:
        Booking.objects.filter(pk=world.other.pk).update(customer_name=text, street=text, city="x")
        shown = client.get(f"/manage/{world.other.pk}").content.decode()
        assert "<b>x</b>" not in shown
        assert "1234321" not in shown


def test_the_table_is_long_enough_and_names_each_row_once() -> None:
    for kind, rows in TABLE.items():
        names = [row.name for row in rows]
        assert len(set(names)) == len(names), kind
    assert sum(len(rows) for rows in TABLE.values()) >= 60
