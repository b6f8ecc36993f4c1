"""No secret in the repository, none that ships is taken in production, and none in a log."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import time_machine
from celery import current_app
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django import Settings
from redis import Redis

from bookings.links import manage_url
from bookings.models import Booking
from bookings.tests.callers import Caller, anyone, body, customer_of, hold_body, partner_caller
from bookings.tests.factories import NOW, a_notary, book, customer
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import tally
from hmnp.core.logs import json_formatter
from hmnp.desk.models import MetricBucket
from hmnp.dev.deploy_check import production_environment
from hmnp.dev.state import CHECKOUT
from services.tests.fixtures import Catalogue

# What keys of the systems we use, and of the usual others, look like.
KEYS = {
    "Stripe": r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{12,}",
    "Stripe webhook": r"\bwhsec_[0-9A-Za-z]{16,}",
    "GoHighLevel": r"\bpit-[0-9a-f]{8}-[0-9a-f]{4}-",
    "Twilio": r"\b(?:AC|SK)[0-9a-f]{32}\b",
    "AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "Google": r"\bAIza[0-9A-Za-z_-]{35}",
    "GitHub": r"\bgh[pousr]_[0-9A-Za-z]{30,}",
    "Slack": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a JWT": r"\beyJ[0-9A-Za-z_-]{15,}\.eyJ[0-9A-Za-z_-]{15,}",
    "a password in an address": r"\b[a-z]+://[^\s/:@\"'{}$<>…]+:[^\s/@\"'{}$<>…]{3,}@[\w.-]+",
    "a secret in a setting": r"(?i)(?:SECRET|PASSWORD|TOKEN|API_KEY)[A-Z_]*\s*=\s*[\"']"
    r"[0-9A-Za-z+/_-]{24,}[\"']",
}
# What looks like one and is none: the file, the start of the text, why.
NONE = {
    (".env.example", "postgres://user:password@"): "shows the form",
    (".env.example", "https://user:password@"): "shows the form",
    ("docs/messages.md", "https://user:password@"): "shows the form",
    ("hmnp/accounts/tests/desk_door.py", 'SECRET = "JBSWY3DPEHPK3PXP'): "the usual example",
    ("hmnp/dev/deploy_check.py", "postgres://hmnp:unused@"): "a host that does not exist",
}
THIS = "tests/contract/test_secrets.py"


def _tracked() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0"):
        path = CHECKOUT / name
        if name and name != THIS and path.is_file() and path.stat().st_size < 1_000_000:
            yield name, path.read_text(errors="replace")


def _found(text: str) -> list[tuple[str, str]]:
    return [
        (kind, match[0]) for kind, pattern in KEYS.items() for match in re.finditer(pattern, text)
    ]


def test_no_file_of_the_repository_holds_a_key() -> None:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("not a Git checkout")
    names = set()
    unexplained = []
    for name, text in _tracked():
        names.add(name)
        for kind, match in _found(text):
            if not any(file == name and match.startswith(start) for file, start in NONE):
                unexplained.append(f"{name}: {kind}: {match[:12]}…")
    assert unexplained == []
    assert len(names) > 300
    assert ".env" not in names


def test_the_patterns_find_what_they_are_for() -> None:
    """Put together here, so that no scanner stumbles over this file."""
    samples = {
        "Stripe": "sk_live_" + "a1B2" * 6,
        "Stripe webhook": "whsec_" + "a1B2" * 6,
        "GoHighLevel": "pit-" + "0123abcd-4567-" + "89ab",
        "Twilio": "AC" + "0123abcd" * 4,
        "AWS": "AKIA" + "ABCD1234" * 2,
        "Google": "AIza" + "x" * 35,
        "GitHub": "ghp_" + "x" * 36,
        "Slack": "xoxb-" + "1" * 12,
        "a private key": "-----BEGIN " + "PRIVATE KEY-----",
        "a JWT": "eyJ" + "x" * 20 + ".eyJ" + "x" * 20,
        "a password in an address": "postgres://hmnp:" + "hunter2@db.internal",
        "a secret in a setting": "STRIPE_TOKEN = '" + "x" * 30 + "'",
    }
    assert set(samples) == set(KEYS)
    for kind, sample in samples.items():
        assert kind in [found for found, _ in _found(sample)], kind


# Every value a developer's machine starts with, and what is as good as none.
REFUSED = {
    "SECRET_KEY": ["", "insecure-local-only-secret", "short", "change-me" * 5],
    "TOKEN_KEYS": ["", "local:insecure-local-only-token-key", "a:short", "x" * 40],
    "STRIPE_API_KEY": ["", "sk_test_sandbox"],
    "STRIPE_PUBLISHABLE_KEY": ["", "pk_test_sandbox"],
    "STRIPE_WEBHOOK_SECRETS": ["", "whsec_sandbox"],
    "GHL_API_TOKEN": ["", "pit-sandbox"],
    "GHL_LOCATION_ID": ["loc_sandbox"],
    "GHL_CALENDAR_ID": ["cal_sandbox"],
    "GHL_WEBHOOK_PUBLIC_KEY": ["", "MCowBQYDK2VwAyEAjxZGCGfO6F7bmzgVRXoKH8dLjYD1suh00TZ2oqSoVzg="],
    "PROOF_API_KEY": ["", "prf_test_sandbox"],
    "PROOF_WEBHOOK_SIGNING_KEY": ["", "proof_sandbox"],
    "TWILIO_ACCOUNT_SID": ["ACsandbox"],
    "TWILIO_AUTH_TOKEN": ["", "twilio_sandbox"],
    "POSTMARK_SERVER_TOKEN": ["", "postmark_sandbox"],
    "MAIL_WEBHOOK_SECRET": ["postmark:sandbox", "no-colon-" + "x" * 40],
    "METRICS_TOKEN": ["short"],
    "SANDBOX_URL": ["http://127.0.0.1:8100"],
    "PUBLIC_BASE_URL": ["", "http://127.0.0.1:8000"],
    "ALLOWED_HOSTS": ["", "*"],
    "STRIPE_API_BASE": ["http://127.0.0.1:8100"],
    "DATABASE_URL": [""],
    "REDIS_URL": [""],
}
# One process reads the settings once for each: Django itself is not set up for it.
_TRY = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
good = dict(os.environ)
answers = {}
for name, value in json.load(sys.stdin):
    os.environ.clear(); os.environ.update(good)
    if name:
        os.environ[name] = value
    for module in ("hmnp.settings.production", "hmnp.settings.base"):
        sys.modules.pop(module, None)
    try:
        settings = importlib.import_module("hmnp.settings.production")
        answers[f"{name}={value}"] = "" if name else str(settings.TYPED_ADDRESSES_MUST_BE_PUBLIC)
    except ImproperlyConfigured as error:
        answers[f"{name}={value}"] = str(error)
print(json.dumps(answers))
"""


def test_production_starts_with_none_of_the_secrets_that_ship() -> None:
    rows = [("", ""), *((name, value) for name, values in REFUSED.items() for value in values)]
    done = subprocess.run(
        [sys.executable, "-c", _TRY],
        input=json.dumps(rows),
        env=production_environment(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    assert answers.pop("=") == "True", "the environment itself is fine, and guarded"
    assert len(answers) == len(rows) - 1
    assert [row for row, said in answers.items() if row.partition("=")[0] not in said] == []


def test_every_secret_of_a_developers_machine_is_among_them() -> None:
    """A new default in local.py must be refused too."""
    text = (CHECKOUT / "hmnp/settings/local.py").read_text()
    named = set(re.findall(r'env\.(?:str|list)\(\s*"(\w+)"', text))
    secret = {one for one in named if re.search(r"SECRET|TOKEN|KEY|SID|_ID$", one)} - {
        "GOOGLE_CALENDAR_ID"
    }
    assert len(secret) >= 14
    assert secret <= set(REFUSED)


CANARIES = {
    "name": "Quilla Canaryname",
    "email": "quilla.canary@example.net",
    "phone": "(713) 555-0187",
    "street": "4711 Canarybird Lane",
    "instructions": "the canary is under the mat",
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, down to the finest, in the format of production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.django_db
def test_no_log_line_tells_who_books(catalogue: Catalogue, logged: io.StringIO) -> None:
    """A mixed run over the API and the pages, refusals and a failure included."""
    for _ in range(3):
        a_notary(skills=["ron", "standard-notary"])
    person = {
        "customerName": CANARIES["name"],
        "customerEmail": CANARIES["email"],
        "customerPhone": CANARIES["phone"],
        "address": {**body()["address"], "street": CANARIES["street"]},
        "specialInstructions": CANARIES["instructions"],
    }
    with time_machine.travel(NOW, tick=False):
        held = anyone().hold()
        made = anyone().book(**person, holdId=held["holdId"], holdToken=held["holdToken"])
        booking = Booking.objects.get(pk=made["booking"]["id"])
        own, path = customer_of(booking), f"/bookings/{booking.pk}"
        partner, stranger = partner_caller(), Caller("Bearer " + made["accessToken"] + "x")
        link = manage_url(booking=booking)
        statuses = [
            own.get(path).status_code,
            own.patch(path, {"scheduledDateTime": "2027-03-03T10:00:00-06:00"}).status_code,
            own.patch(path, {"customerName": CANARIES["name"], "price": 1}).status_code,
            own.put(path, {**person, "customerPhone": "x"}).status_code,
            partner.get(path).status_code,
            stranger.get(path).status_code,
            anyone().post("/bookings", body(**person, customerEmal="x")).status_code,
            anyone().post("/bookings", {**body(**person), "serviceId": "no"}).status_code,
            anyone().post("/availability/hold", hold_body(holdToken="x.y")).status_code,
            anyone().post("/payments/confirm", {"paymentIntentId": "pi_x"}).status_code,
            anyone().get("/bookings", {"email": CANARIES["email"]}).status_code,
            own.client.get(link[link.index("/manage") :]).status_code,
            own.client.get(f"/manage/{booking.pk}").status_code,
            own.client.get(f"/calendar/{booking.notary.feed_secret}.ics").status_code,  # type: ignore[union-attr]  # it has one
            own.client.post(
                "/find/", {"reference": booking.reference, "contact": CANARIES["email"]}
            ).status_code,
            own.delete(path).status_code,
            own.delete(path).status_code,
            own.patch(path, {"signers": 2}).status_code,
        ]
    assert {200, 302, 400, 401, 404, 409} <= set(statuses)
    assert 500 not in statuses
    text = logged.getvalue()
    assert text.count("request_finished") >= len(statuses)
    secrets = {
        **CANARIES,
        "E.164": "+17135550187",
        "access token": made["accessToken"],
        "hold token": held["holdToken"],
        "link": link.partition("token=")[2],
        "partner key": partner.authorization.rpartition(".")[2],
        "feed": str(booking.notary and booking.notary.feed_secret),
        "token in an address": "token=",
        "a key of ours": os.environ.get("TOKEN_KEYS", "insecure-local-only-token-key"),
    }
    assert [what for what, value in secrets.items() if value in text] == []


def _in_redis() -> str:
    """Everything the cache and the broker hold, names and values, as text."""
    found = []
    for address in {os.environ["REDIS_URL"], os.environ["CELERY_BROKER_URL"]}:
        redis = Redis.from_url(address)
        for key in redis.scan_iter():
            kind = redis.type(key)
            values = redis.lrange(key, 0, -1) if kind == b"list" else [redis.dump(key) or b""]
            if kind == b"string":
                values = [redis.get(key) or b""]
            found += [key, *values]
        redis.close()
    return b"\n".join(found).decode(errors="replace")


def _work_off(bells: list[str]) -> None:
    """Do what the bells ask for, as a worker does, until none rings; keep what they said."""
    redis = Redis.from_url(os.environ["CELERY_BROKER_URL"])
    for _ in range(60):
        rung = redis.lpop("celery")
        if rung is None:
            break
        assert isinstance(rung, bytes)
        message = json.loads(rung)
        body = base64.b64decode(message["body"]).decode()
        bells.append(json.dumps(message["headers"]) + body)
        with contextlib.suppress(Exception):
            current_app.tasks[message["headers"]["task"]](*json.loads(body)[0])
    redis.close()


@pytest.mark.django_db(transaction=True)
def test_nothing_but_the_tables_tells_who_books(
    catalogue: Catalogue, logged: io.StringIO, sandbox_url: str, settings: Settings
) -> None:
    """A booking from its hold to its refund, with what workers, staff and Stripe do about it."""
    settings.METRICS_TOKEN = "m" * 40
    Redis.from_url(settings.CELERY_BROKER_URL).flushdb()
    tally.reset()
    a_notary()
    person = {
        "customerName": CANARIES["name"],
        "customerEmail": CANARIES["email"],
        "customerPhone": CANARIES["phone"],
        "address": {**body()["address"], "street": CANARIES["street"]},
        "specialInstructions": CANARIES["instructions"],
    }
    bells: list[str] = []
    answers = []
    with time_machine.travel(NOW, tick=False):
        priced = {"serviceId": "standard-notary", "scheduledDateTime": body()["scheduledDateTime"]}
        answers.append(anyone().post("/services/pricing", {**priced, "address": person["address"]}))
        held = anyone().hold()
        made = anyone().book(**person, holdId=held["holdId"], holdToken=held["holdToken"])
        booking = Booking.objects.get(pk=made["booking"]["id"])
        own, path = customer_of(booking), f"/bookings/{booking.pk}"
        intent = own.post("/payments/intent", {"bookingId": str(booking.pk)}).json()
        for card in ("pm_card_chargeDeclined", "pm_card_visa"):
            httpx.post(
                f"{sandbox_url}/v1/payment_intents/{intent['paymentIntentId']}/confirm",
                headers={"Authorization": "Bearer pk_test_sandbox"},
                data={"client_secret": intent["clientSecret"], "payment_method": card},
            )
            confirm = {"paymentIntentId": intent["paymentIntentId"]}
            answers.append(own.post("/payments/confirm", confirm))
        _work_off(bells)
        desk = Client()
        open_desk(desk, User.objects.create_superuser("owner", "owner@example.com", "x"))
        answers += [
            desk.get("/admin/"),
            desk.get("/admin/bookings/booking/", {"q": CANARIES["email"]}),
            desk.get(f"/admin/bookings/booking/{booking.pk}/change/"),
            desk.get(f"/admin/bookings/booking/{booking.pk}/money/"),
            desk.get("/admin/desk/dashboard/"),
            desk.get(f"/{CANARIES['email']}"),
            own.client.post(
                "/find/", {"reference": booking.reference, "contact": person["customerEmail"]}
            ),
            own.delete(f"{path}?reason={quote(CANARIES['instructions'])}"),
        ]
        event = {"id": "evt_canary", "object": "event", "type": "charge.updated", "created": 1}
        event["data"] = {"object": {"id": "ch_1", "billing_details": {"name": CANARIES["name"]}}}
        text = json.dumps(event)
        stamp = int(NOW.timestamp())
        digest = hmac.new(b"whsec_sandbox", f"{stamp}.{text}".encode(), hashlib.sha256).hexdigest()
        sign = {"Stripe-Signature": f"t={stamp},v1={digest}"}
        answers.append(
            Client().post("/api/v2/webhooks/stripe", text, "application/json", headers=sign)
        )
        _work_off(bells)
    tally.send(now=NOW)
    shown = Client().get("/metrics", headers={"Authorization": "Bearer " + "m" * 40})
    statuses = [answer.status_code for answer in answers]
    assert {200, 402, 404} <= set(statuses), statuses
    assert 500 not in statuses
    booking.refresh_from_db()
    assert booking.status == "CANCELLED"
    assert len(bells) >= 4
    assert "hmnp_request_duration_seconds_count" in shown.content.decode()
    places = {
        "logs": logged.getvalue(),
        "redis": _in_redis(),
        "bells": "\n".join(bells),
        "metrics": shown.content.decode(),
        "buckets": json.dumps(list(MetricBucket.objects.values("metric", "subject", "outcome"))),
        "addresses": "\n".join(answer.get("Location", "") for answer in answers),
    }
    assert places["redis"]
    secrets = {
        **CANARIES,
        "E.164": "+17135550187",
        "access token": made["accessToken"],
        "hold token": held["holdToken"],
        "client secret": intent["clientSecret"],
    }
    told = [
        (place, what) for place, text in places.items() for what in secrets if secrets[what] in text
    ]
    assert told == []


@pytest.mark.django_db
def test_a_row_that_breaks_a_rule_is_not_shown(catalogue: Catalogue, logged: io.StringIO) -> None:
    """The database's own words hold the whole row."""
    a_notary()
    instructions = f"Ring twice\n\n{CANARIES['instructions']}"
    who = customer(name=CANARIES["name"], special_instructions=instructions)
    broken = book(who=who)
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        Booking.objects.filter(pk=broken.pk).update(price_cents=-1)
    assert CANARIES["name"] in str(raised.value)
    logging.getLogger("hmnp").error("It broke", exc_info=raised.value)
    logging.getLogger("hmnp").error("It broke: %s", raised.value)
    text = logged.getvalue()
    assert text.count("DETAIL: \\u2026") >= 2
    assert "CheckViolation" in text
    assert [one for one in CANARIES.values() if one in text] == []
