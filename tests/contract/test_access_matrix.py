"""Who gets what: every route and method, by every kind of caller, on own and foreign things.

The rows come from the routes: a new one without an expectation fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver

from bookings.models import Booking, BookingDocument, SlotClaim, TimelineEvent
from bookings.tests.factories import NOW, TUESDAY_10, a_notary, book, customer
from hmnp.accounts.models import Partner, PartnerApiKey, Scope
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.api import urlpatterns
from hmnp.core import tokens
from payments.models import Payment
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

CALLERS = (
    "anonymous",
    "garbage token",
    "expired token",
    "customer",
    "other customer",
    "partner",
    "other partner",
    "read-only key",
    "revoked key",
    "staff",
)
TARGETS = ("own", "foreign", "random", "malformed")
# The API's own description and the webhooks, which are opened by signatures (tested there).
ELSEWHERE = {"schema", "docs", "webhooks-ghl", "webhooks-proof", "webhooks-stripe"}
ELSEWHERE |= {"webhooks-twilio"}

# Sent without a body, what may be done is refused for the body (400), what may not before it.
DONE, BODY = {200, 201, 204}, {400}
NO_CREDENTIALS, FORBIDDEN, ABSENT = {401}, {403}, {404}


@dataclass(frozen=True)
class Rule:
    """What callers get: on their own thing `allowed`; `open_to_all` needs no credentials."""

    allowed: frozenset[int]
    scope: str | None = None
    is_open: bool = False
    is_for_customers: bool = True


def _rule(allowed: set[int], **options: Any) -> Rule:
    return Rule(frozenset(allowed), **options)


READ, WRITE, PAY = "bookings:read", "bookings:write", "payments:write"
RULES: dict[tuple[str, str], Rule] = {
    ("services-list", "GET"): _rule(DONE, is_open=True),
    ("services-detail", "GET"): _rule(DONE | ABSENT, is_open=True),
    ("services-pricing", "GET"): _rule(BODY, is_open=True),
    ("services-pricing", "POST"): _rule(BODY, is_open=True),
    ("availability-list", "GET"): _rule(BODY, is_open=True, scope="availability:read"),
    ("availability-hold", "POST"): _rule(BODY, is_open=True, scope=WRITE),
    ("availability-release", "DELETE"): _rule(ABSENT, is_open=True, scope=WRITE),
    ("bookings-list", "GET"): _rule(DONE, scope=READ, is_for_customers=False),
    ("bookings-list", "POST"): _rule(BODY, is_open=True, scope=WRITE),
    ("bookings-detail", "GET"): _rule(DONE, scope=READ),
    ("bookings-detail", "PUT"): _rule(BODY, scope=WRITE),
    ("bookings-detail", "PATCH"): _rule(DONE, scope=WRITE),
    ("bookings-detail", "DELETE"): _rule(DONE, scope=WRITE),
    ("bookings-calendar", "GET"): _rule(DONE, scope=READ),
    ("bookings-cancellation", "GET"): _rule(DONE, scope=READ),
    ("bookings-events", "GET"): _rule(DONE, scope=READ),
    ("booking-documents-list", "GET"): _rule(DONE, scope=READ),
    ("booking-documents-list", "POST"): _rule(BODY, scope=WRITE),
    ("booking-documents-detail", "DELETE"): _rule(DONE, scope=WRITE),
    ("payments-intent", "POST"): _rule(BODY, is_open=True, scope=PAY),
    ("payments-confirm", "POST"): _rule(BODY, is_open=True, scope=PAY),
    ("payments-detail", "GET"): _rule(DONE, scope=READ),
}


def _routes() -> Iterator[tuple[str, str, str]]:
    """Give (name, path, method) of every route of the API."""
    pending: list[tuple[str, URLPattern | URLResolver]] = [("", route) for route in urlpatterns]
    while pending:
        before, route = pending.pop()
        path = before + str(route.pattern).lstrip("^").rstrip("$")
        if isinstance(route, URLResolver):
            pending += [(path, inner) for inner in route.url_patterns]
        elif route.name not in ELSEWHERE:
            for method in getattr(route.callback, "actions", {"get": ""}):
                yield str(route.name), path, method.upper()


# What ends a thing comes last, so that the others still find it.
ROUTES = sorted(_routes(), key=lambda route: (route[2] == "DELETE", route))
NESTED = sorted({name for name, path, _ in ROUTES if "(?P<" in path})


@dataclass
class World:
    """Two customers, two partners, and what belongs to each."""

    headers: dict[str, dict[str, str]]
    own: dict[str, Booking]
    payments: dict[Any, Payment]
    documents: dict[Any, BookingDocument]
    staff: User

    def client(self, caller: str) -> tuple[Client, dict[str, str]]:
        """Give a caller's client and headers."""
        client = Client()
        if caller == "staff":
            with time_machine.travel(NOW, tick=False):
                open_desk(client, self.staff)
        return client, self.headers.get(caller, {})

    def ids(self, caller: str, target: str) -> dict[str, str]:
        """Give the path's ids as this caller would send them for this target."""
        if target in ("random", "malformed"):
            one = str(uuid4()) if target == "random" else "%00or-not"
            names = ("booking_id", "document_id", "pk", "hold_id", "id_or_slug")
            return dict.fromkeys(names, one)
        whose = {"own": caller, "foreign": "stranger"}[target]
        booking = self.own.get(whose, self.own["customer"])
        return {
            "booking_id": str(booking.pk),
            "document_id": str(self.documents[booking.pk].pk),
            "pk": str(self.payments[booking.pk].pk),
            "hold_id": str(uuid4()),
            "id_or_slug": "ron",
        }


def _key(partner: Partner, scopes: list[str], **fields: Any) -> dict[str, str]:
    _, text = PartnerApiKey.objects.create_key(name="k", partner=partner, scopes=scopes, **fields)
    return {"Authorization": f"Api-Key {text}"}


def _bearer(booking: Booking) -> dict[str, str]:
    token = tokens.derive(purpose=tokens.ACCESS, subject_id=booking.pk)
    return {"Authorization": f"Bearer {token.text}"}


@pytest.fixture
def world(catalogue: Catalogue) -> World:
    """Everybody, each with a remote booking that has a document and a payment."""
    a_notary(skills=["ron"])
    partner, other = (Partner.objects.create(name=name) for name in ("Gulf Title", "Bay Law"))
    own: dict[str, Booking] = {}
    names = ("customer", "other customer", "partner", "other partner", "stranger", "over")
    for number, name in enumerate(names):
        booking = book(
            slug="ron",
            zip_code=None,
            starts_at=TUESDAY_10 + number * timedelta(hours=1),
            who=customer(street="", city="", state=""),
        )
        own[name] = booking
        BookingDocument.objects.create(
            booking=booking,
            filename="a.pdf",
            size=9,
            sha256="0" * 64,
            storage_name=f"documents/{booking.pk}.pdf",
            uploaded_at=NOW,
        )
    Booking.objects.filter(pk=own["partner"].pk).update(partner=partner)
    Booking.objects.filter(pk=own["other partner"].pk).update(partner=other)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    Booking.objects.filter(pk=own["over"].pk).update(
        starts_at=long_ago, ends_at=long_ago + timedelta(hours=1), status="COMPLETED"
    )
    own["read-only key"] = own["revoked key"] = own["partner"]
    every = [scope.value for scope in Scope]
    return World(
        own=own,
        payments={payment.booking_id: payment for payment in Payment.objects.all()},
        documents={one.booking_id: one for one in BookingDocument.objects.all()},
        staff=User.objects.create_superuser("owner", "owner@example.com", "x"),
        headers={
            "garbage token": {"Authorization": "Bearer not.a.token"},
            "expired token": _bearer(own["over"]),
            "customer": _bearer(own["customer"]),
            "other customer": _bearer(own["other customer"]),
            "partner": _key(partner, every),
            "other partner": _key(other, every),
            "read-only key": _key(partner, ["availability:read", "bookings:read"]),
            "revoked key": _key(partner, every, revoked=True),
        },
    )


def _expected(rule: Rule, caller: str, target: str, *, is_about_one: bool) -> set[int]:
    """Give the statuses a caller may get."""
    if caller in ("garbage token", "revoked key"):
        return NO_CREDENTIALS
    if caller == "read-only key" and rule.scope in (WRITE, PAY):
        return FORBIDDEN
    if rule.is_open:
        return set(rule.allowed)
    if caller == "anonymous":
        return NO_CREDENTIALS
    if caller == "expired token":
        return NO_CREDENTIALS | (set() if rule.is_for_customers else FORBIDDEN)
    if "customer" in caller and not rule.is_for_customers:
        return FORBIDDEN
    if not is_about_one:
        return set(rule.allowed)
    if target == "own" or (target == "foreign" and caller == "staff"):
        return set(rule.allowed)
    return ABSENT


def test_every_route_has_a_rule() -> None:
    assert {(name, method) for name, _, method in ROUTES} == set(RULES)


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_what_the_rules_say_and_nothing_changes_for_others(
    world: World, caller: str
) -> None:
    """All routes × methods × targets of one caller; what must not change is compared after."""
    client, headers = world.client(caller)
    before = _state(but=world.own.get(caller))
    wrong: list[str] = []
    tried = 0
    with time_machine.travel(NOW, tick=False):
        for name, path, method in ROUTES:
            is_about_one = name in NESTED
            for target in TARGETS if is_about_one else ("own",):
                address = _fill(path, world.ids(caller, target))
                answer = client.generic(
                    method, f"/api/v2/{address}", content_type="application/json", headers=headers
                )
                tried += 1
                expected = _expected(RULES[name, method], caller, target, is_about_one=is_about_one)
                if target == "malformed" and is_about_one:
                    expected = expected | ABSENT
                if answer.status_code not in expected:
                    wrong.append(
                        f"{caller}: {method} {name} {target}: {answer.status_code}, "
                        f"not {sorted(expected)}: {answer.content[:120]!r}"
                    )
    assert wrong == []
    assert tried >= len(ROUTES)
    if caller != "staff":
        assert _state(but=world.own.get(caller)) == before


@pytest.mark.parametrize("caller", ["customer", "partner"])
def test_a_foreign_thing_reads_like_one_that_does_not_exist(world: World, caller: str) -> None:
    client, headers = world.client(caller)
    with time_machine.travel(NOW, tick=False):
        for name, path, method in ROUTES:
            if name not in NESTED or name.startswith("services"):
                continue
            answers = []
            for target in ("foreign", "random"):
                answer = client.generic(
                    method,
                    "/api/v2/" + _fill(path, world.ids(caller, target)),
                    content_type="application/json",
                    headers=headers,
                )
                body = answer.json()["error"]
                answers.append((answer.status_code, body["code"], body["message"]))
            assert answers[0] == answers[1], name


def test_ids_in_bodies_open_nothing_of_others(world: World) -> None:
    """A hold, a payment, a quote of somebody else, named in a body."""
    stranger = world.own["stranger"]
    payment = world.payments[stranger.pk]
    for caller in ("anonymous", "customer", "partner"):
        client, headers = world.client(caller)
        sent: list[tuple[str, dict[str, Any], set[int]]] = [
            ("payments/intent", {"bookingId": str(stranger.pk)}, NO_CREDENTIALS | ABSENT),
            ("payments/intent", {"bookingId": str(uuid4())}, NO_CREDENTIALS | ABSENT),
            (
                "payments/confirm",
                {"paymentIntentId": payment.provider_intent_id or "pi_x"},
                NO_CREDENTIALS | ABSENT,
            ),
            (
                "payments/intent",
                {"holdId": str(uuid4()), "holdToken": "x.y.z"},
                ABSENT,
            ),
        ]
        with time_machine.travel(NOW, tick=False):
            for path, body, expected in sent:
                answer = client.post(
                    f"/api/v2/{path}", body, content_type="application/json", headers=headers
                )
                assert answer.status_code in expected, (caller, path, answer.content)


def _state(*, but: Booking | None) -> list[Any]:
    """Give what others' things look like, to see that nothing of theirs was touched."""
    bookings = Booking.objects.exclude(pk=but.pk if but else uuid4())
    return [
        list(bookings.order_by("pk").values_list("pk", "version", "status", "customer_name")),
        list(
            BookingDocument.objects.filter(booking__in=bookings)
            .order_by("pk")
            .values_list("pk", "status")
        ),
        TimelineEvent.objects.filter(booking__in=bookings).count(),
        list(SlotClaim.objects.filter(booking__in=bookings).order_by("pk").values_list("state")),
    ]


def _fill(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda found: ids[found[1]], path).replace("\\", "")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


FIELDS = sorted(
    {
        spelled
        for model in (Booking, SlotClaim, Payment, TimelineEvent)
        for field in model._meta.get_fields()
        for spelled in (field.name, _camel(field.name), f"{field.name}_id")
    }
    | {"is_staff", "isStaff", "role", "amount", "price", "total", "actor", "__class__"}
)
# What the contract lets a caller write, on each endpoint that takes a body.
WRITABLE: dict[tuple[str, str], set[str]] = {
    ("bookings-list", "POST"): {
        *("serviceId", "scheduledDateTime", "customerName", "customerEmail", "customerPhone"),
        *("address", "signers", "documents", "signerDetails", "promoCode", "specialInstructions"),
        *("termsAccepted", "smsConsent", "locale", "holdId", "holdToken", "quoteToken"),
        *("expectedFinalPrice", "paymentIntentId"),
    },
    ("bookings-detail", "PUT"): {
        *("customerName", "customerEmail", "customerPhone", "address", "specialInstructions"),
        *("signers", "documents", "signerDetails", "scheduledDateTime"),
    },
    ("availability-hold", "POST"): {
        *("serviceId", "startTime", "zip", "address", "signers", "documents", "promoCode"),
        *("quoteToken", "holdToken"),
    },
    ("services-pricing", "POST"): {
        *("serviceId", "scheduledDateTime", "zip", "address", "signers", "documents"),
        "promoCode",
    },
    ("payments-intent", "POST"): {"bookingId", "holdId", "holdToken", "quoteToken"},
    ("payments-confirm", "POST"): {"paymentIntentId", "clientSecret", "holdToken"},
}
WRITABLE["bookings-detail", "PATCH"] = WRITABLE["bookings-detail", "PUT"]


def test_every_endpoint_with_a_body_is_listed() -> None:
    takes_a_file = {"booking-documents-list"}
    bodies = {(name, method) for name, _, method in ROUTES if method in ("POST", "PUT", "PATCH")}
    assert {row for row in bodies if row[0] not in takes_a_file} == set(WRITABLE)


def test_no_field_of_a_model_can_be_set_from_outside(world: World) -> None:
    """Each is refused by its name, and nothing is written."""
    client, headers = world.client("partner")
    before = _state(but=None)
    paths = {(name, method): path for name, path, method in ROUTES}
    with time_machine.travel(NOW, tick=False):
        for row, writable in WRITABLE.items():
            answer = client.generic(
                row[1],
                "/api/v2/" + _fill(paths[row], world.ids("partner", "own")),
                json.dumps({name: "1" for name in FIELDS if name not in writable}),
                content_type="application/json",
                headers=headers,
            )
            assert answer.status_code == 400, row
            faults = answer.json()["error"]["details"]["errors"]
            unknown = {fault["field"] for fault in faults if fault["code"] == "unknown"}
            assert unknown == {name for name in FIELDS if name not in writable}, row
    assert _state(but=None) == before
