"""Hosts, forwarded names, methods, injections, lengths, bombs: a table of what strangers send."""

from __future__ import annotations

import json

import pytest

from bookings.tests.callers import body as booking_body
from tests.contract.attacks import (
    ABSENT,
    BOOKINGS,
    EVIL,
    FORM,
    FORWARDED,
    HOSTS,
    JSON,
    OK,
    REFUSED,
    Attack,
    World,
    browser,
    run,
)

pytestmark = pytest.mark.django_db

HOST_ATTACKS = [
    Attack(f"host {host!r} at {path}", path, headers={"Host": host}, statuses=frozenset({400}))
    for host in HOSTS
    for path in ("/", "/api/v2/services")
] + [Attack("absolute address as the path", f"/http://{EVIL}/", statuses=ABSENT)]

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


def test_the_table_is_long_enough_and_names_each_row_once() -> None:
    for kind, rows in TABLE.items():
        names = [row.name for row in rows]
        assert len(set(names)) == len(names), kind
    assert sum(len(rows) for rows in TABLE.values()) >= 60
