"""A whole site of its own for the browser: own database, web, worker with beat, and sandbox."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import httpx
import psycopg
import redis
from celery import Celery

from hmnp.dev.embedded import as_the_site
from hmnp.dev.guard import Guard
from hmnp.dev.live import LiveProcesses
from hmnp.dev.ports import quiet_port
from hmnp.dev.processes import python_module
from hmnp.dev.totp import code_of, secret_in

T = TypeVar("T")
Json = dict[str, Any]

# Past the databases of the test processes and of the fault tests' sites.
_FIRST_REDIS_DATABASE = 32
_FINDING = re.compile(r"https?://\S+/manage/\S+\?token=\S+")
HOUSTON = ZoneInfo("America/Chicago")
# The sweeper would find the intent alive and end it before anybody can pay.
_LEAVE_ALONE = """
    UPDATE payments_payment SET run_at = clock_timestamp() + interval '1 hour'
    WHERE booking_id = %s
"""
_END_CLAIM = "UPDATE bookings_slotclaim SET state = 'RELEASED' WHERE booking_id = %s"
_END_BOOKING = """
    UPDATE bookings_booking SET status = 'EXPIRED', expires_at = NULL, version = version + 1
    WHERE id = %s
"""
_OPEN_CASE = """
    INSERT INTO desk_case (
        kind, key, subject, booking_id, summary, repair, details, opened_at, closed_how
    ) VALUES (
        %s, gen_random_uuid(), 'booking:' || %s, %s,
        'The customer''s bank asks the money back: fraudulent.', %s,
        '{"amount_cents": 4250, "due_by": "2 December"}', clock_timestamp(), ''
    )
"""
_STAFF = {"login": "staff", "password": "houston-demo-2026"}


@dataclass
class Site:
    """The running site as a test sees it from outside."""

    live: LiveProcesses
    database: psycopg.Connection[tuple[Any, ...]]
    http: httpx.Client
    sandbox: httpx.Client
    staff: httpx.Client
    services: dict[str, Json] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """Address of the pages."""
        return self.live.base_url

    @property
    def origins(self) -> set[str]:
        """Every address a page may speak to."""
        return {self.live.base_url, self.live.sandbox_url}

    # --- what our own side knows ---------------------------------------------------------------

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Run one statement on the site's database."""
        cursor = self.database.execute(cast(Any, query), params or None)
        return cursor.fetchall() if cursor.description else []

    def bookings_of(self, email: str) -> list[Json]:
        """Give every booking of a customer, as staff read them at the API."""
        found = self.rows("SELECT id FROM bookings_booking WHERE customer_email = %s", email)
        return [self.booking(str(row[0])) for row in found]

    def booking_of(self, email: str) -> Json:
        """Give the only booking of a customer."""
        (booking,) = self.bookings_of(email)
        return booking

    def booking(self, booking_id: str) -> Json:
        """Read a booking at the API."""
        answer = self.staff.get(f"/api/v2/bookings/{booking_id}")
        assert answer.status_code == 200, answer.text
        return cast(Json, answer.json())

    def timeline(self, booking_id: str) -> list[str]:
        """Give what happened to a booking, in order."""
        answer = self.staff.get(f"/api/v2/bookings/{booking_id}/events")
        assert answer.status_code == 200, answer.text
        return [entry["action"] for entry in answer.json()["data"]]

    # --- another customer, at the API ----------------------------------------------------------

    def service(self, slug: str) -> Json:
        """Find a service in the catalogue."""
        if slug not in self.services:
            listed = self.http.get("/api/v2/services").json()["data"]
            self.services = {one["slug"]: one for one in listed}
        return self.services[slug]

    def hold(self, slug: str, *, start: str, zip_code: str | None = None) -> httpx.Response:
        """Ask for a time as a new holder."""
        body = {"serviceId": self.service(slug)["id"], "startTime": start}
        place = {"zip": zip_code} if zip_code else {}
        return self.http.post("/api/v2/availability/hold", json={**body, **place})

    def take_all(self, slug: str, *, start: str, zip_code: str | None = None) -> int:
        """Hold a time until no notary is left for it; give how many there were."""
        for taken in range(20):
            answer = self.hold(slug, start=start, zip_code=zip_code)
            if answer.status_code == 409:
                assert answer.json()["error"]["code"] == "SLOT_TAKEN", answer.text
                return taken
            assert answer.status_code == 201, answer.text
        raise AssertionError("a time cannot have twenty notaries")

    def starts(self, slug: str, *, first_day: int, zip_code: str | None = None) -> list[str]:
        """Give the free times of a fortnight that begins so many days from now."""
        day = datetime.now(tz=HOUSTON).date() + timedelta(days=first_day)
        query = {"serviceId": self.service(slug)["id"], "date": day.isoformat(), "days": "14"}
        place = {"zip": zip_code} if zip_code else {}
        answer = self.http.get("/api/v2/availability", params={**query, **place})
        assert answer.status_code == 200, answer.text
        return [slot["startTime"] for slot in answer.json()["slots"]]

    def book(self, slug: str, *, start: str, email: str, zip_code: str | None = None) -> Json:
        """Book a time and pay what is due with a good card, all without a browser."""
        return self.pay(self.book_unpaid(slug, start=start, email=email, zip_code=zip_code)["id"])

    def book_unpaid(
        self, slug: str, *, start: str, email: str, zip_code: str | None = None
    ) -> Json:
        """Book a time and pay nothing, without a browser."""
        address = {
            "street": "2500 Marina Bay Drive",
            "city": "League City",
            "state": "TX",
            "zip": zip_code,
        }
        body = {
            "serviceId": self.service(slug)["id"],
            "scheduledDateTime": start,
            "customerName": "Ana María Ruiz",
            "customerEmail": email,
            "customerPhone": "(713) 555-0188",
            "termsAccepted": True,
            **({"address": address} if zip_code else {}),
        }
        made = self.http.post("/api/v2/bookings", json=body)
        assert made.status_code == 201, made.text
        return cast(Json, made.json()["booking"])

    def open_intent(self, booking_id: str) -> Json:
        """Ask for what is due, as staff at the API."""
        asked = self.staff.post(
            "/api/v2/payments/intent",
            json={"bookingId": booking_id},
            headers={"X-CSRFToken": self.staff.cookies["csrftoken"]},
        )
        assert asked.status_code in (200, 201), asked.text
        return cast(Json, asked.json())

    def pay(self, booking_id: str) -> Json:
        """Pay what is due with a good card, without a browser."""
        return self.pay_intent(booking_id, self.open_intent(booking_id))

    def pay_intent(self, booking_id: str, intent: Json) -> Json:
        """Pay an intent with a good card, without a browser."""
        body = {"payment_intent": intent["paymentIntentId"], "card": "4242424242424242"}
        paid = self.sandbox.post("/_sandbox/confirm", json=body)
        assert paid.status_code == 200, paid.text
        body = {"paymentIntentId": body["payment_intent"], "clientSecret": intent["clientSecret"]}
        settled = self.http.post("/api/v2/payments/confirm", json=body)
        assert settled.status_code == 200, settled.text
        return self.booking(booking_id)

    def take_cash(self, booking_id: str, *, dollars: str, note: str) -> None:
        """Record cash as staff do it."""
        form = {"do": "take", "amount": dollars, "method": "CASH", "note": note, "form_key": note}
        form["csrfmiddlewaretoken"] = self.staff.cookies["csrftoken"]
        answer = self.staff.post(f"/admin/bookings/booking/{booking_id}/money/", data=form)
        assert answer.status_code == 302, answer.text

    # --- what only time or bad luck would do ---------------------------------------------------

    def ring(self, task: str) -> None:
        """Have the worker sweep now instead of when beat says so."""
        with Celery(broker=self.live.environment["CELERY_BROKER_URL"]) as bell:
            bell.send_task(task)

    @contextmanager
    def without_webhooks(self) -> Iterator[None]:
        """Let Stripe's events wait: one that comes at the wrong moment has us look at once."""
        self.sandbox.post("/_sandbox/webhooks", json={"paused": True})
        try:
            yield
        finally:
            self.sandbox.post("/_sandbox/webhooks", json={"paused": False})

    def lose_the_time(self, slug: str, booking: Json, *, zip_code: str | None = None) -> None:
        """Let an unpaid booking expire with its intent still alive, and others take its time.

        Stripe said that the intent was cancelled, and it was not.
        """
        self.rows(_LEAVE_ALONE, booking["id"])
        self.rows(_END_CLAIM, booking["id"])
        self.rows(_END_BOOKING, booking["id"])
        assert self.take_all(slug, start=booking["scheduledDateTime"], zip_code=zip_code)

    def open_case(self, booking: Json, *, kind: str, repair: str) -> None:
        """Have something about a booking wait for a person."""
        self.rows(_OPEN_CASE, kind, booking["id"], booking["id"], repair)

    # --- the outside world -----------------------------------------------------------------------

    def mail(self, to: str, *, subject: str) -> Json:
        """Wait for a mail whose subject has these words."""

        def find() -> Json | None:
            query = {"to": to, "subject": subject}
            found = self.sandbox.get("/_sandbox/mails", params=query).json()["data"]
            return found[0] if found else None

        return until(find, f"a mail “{subject}” to {to}")

    def manage_link(self, mail: Json) -> str:
        """Give the signed address in a mail."""
        found = _FINDING.search(mail["text"])
        assert found, mail["text"]
        return found.group()

    def ledger(self) -> Json:
        """Read what the outside systems hold."""
        return cast(Json, self.sandbox.get("/_sandbox/ledger").json())

    def intents_of(self, booking_id: str) -> list[Json]:
        """Give the payments of a booking that Stripe knows."""
        held = self.ledger()["payment_intents"]
        return [one for one in held if one["metadata"].get("booking_id") == booking_id]

    def refunded_cents(self, booking_id: str) -> int:
        """Sum what has gone back for a booking."""
        intents = {intent["id"] for intent in self.intents_of(booking_id)}
        refunds = self.ledger()["refunds"]
        return sum(
            refund["amount"]
            for refund in refunds
            if refund["payment_intent"] in intents and refund["status"] == "succeeded"
        )


def until(find: Callable[[], T | None], promise: str, *, seconds: float = 30) -> T:
    """Ask again and again until the answer is something; fail with the promise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:g} s: {promise}")


@contextmanager
def running_site(*, folder: Path, guard: Guard, worker: str) -> Iterator[Site]:
    """Make a database, fill it as a developer's, start everything; take it all away at the end.

    The database stays for all tests of the browser: a reset between them would need a new start.
    """
    name = f"browser_{worker}"
    redis_base = os.environ["REDIS_URL"].rpartition("/")[0]
    number = _FIRST_REDIS_DATABASE + 2 * int(worker.removeprefix("gw") or 0)
    port, sandbox_port = quiet_port(), quiet_port()
    parts = urlsplit(os.environ["DATABASE_URL"])
    live = LiveProcesses(
        folder=folder,
        environment={
            "DJANGO_SETTINGS_MODULE": "hmnp.settings.live_test",
            "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
            "REDIS_URL": f"{redis_base}/{number}",
            "CELERY_BROKER_URL": f"{redis_base}/{number + 1}",
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
        },
        port=port,
        sandbox_port=sandbox_port,
        guard=guard,
    )
    for address in (live.environment["REDIS_URL"], live.environment["CELERY_BROKER_URL"]):
        redis.Redis.from_url(address).flushdb()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield from _run(live)
        finally:
            live.stop()
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _run(live: LiveProcesses) -> Iterator[Site]:
    prepare = live._start(
        "prepare", python_module("hmnp.dev.prepare", str(live.folder / "logins.txt"))
    )
    assert prepare.process.wait(timeout=120) == 0, prepare.log_end()
    owner = live.environment["DATABASE_URL"]
    live.environment = as_the_site({**os.environ, **live.environment})
    # Mostly waiting for interpreters to start: together rather than one after another.
    with ThreadPoolExecutor() as pool:
        starts = (live.start_sandbox, partial(live.start_web, workers=1, threads=4))
        for started in [pool.submit(start) for start in (*starts, live.start_worker)]:
            started.result()
    with (
        psycopg.connect(owner, autocommit=True) as database,
        httpx.Client(base_url=live.base_url, timeout=20) as http,
        httpx.Client(base_url=live.sandbox_url, timeout=20) as sandbox,
        httpx.Client(base_url=live.base_url, timeout=20) as staff,
    ):
        _sign_in(staff, secret=secret_in(live.folder / "logins.txt"))
        yield Site(live=live, database=database, http=http, sandbox=sandbox, staff=staff)


def _sign_in(staff: httpx.Client, *, secret: str) -> None:
    staff.get("/accounts/login/")
    for path, form, next_path in (
        ("/accounts/login/", _STAFF, "/accounts/2fa/authenticate/"),
        ("/accounts/2fa/authenticate/", {"code": code_of(secret, at=time.time())}, "/admin/"),
    ):
        sent = {**form, "csrfmiddlewaretoken": staff.cookies["csrftoken"]}
        answer = staff.post(path, data=sent)
        assert answer.headers.get("Location") == next_path, "the demo's owner can sign in"
