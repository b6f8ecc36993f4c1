"""The switch thrown back and forth under load: nothing is lost, nothing doubled. By night."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from bookings.models import Booking
from bookings.states import LIVE_STATUSES
from bookings.tests.factories import a_notary
from bookings.waiting_places import is_waiting_place
from hmnp.core.invariants import all_invariants, find_breaches
from hmnp.desk.models import Case
from hmnp.rollout.models import V1Row
from hmnp.rollout.switches import flags, set_killed
from hmnp.rollout.tests.v1 import SECRET, at, iso, post, report, v1_body
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.night]

_SECONDS = 30
_CALLERS = 6


class V1:
    """A V1 that takes whatever it is asked for, answers now and then too late, and reports it."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                row = outer.book(asked)
                body = json.dumps({"success": True, "booking": row}).encode()
                if len(outer.made) % 17 == 0:
                    # It has booked, and its answer is lost.
                    self.close_connection = True
                    return
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def book(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take a booking without looking at any calendar, once a customer."""
        known = [row for row in self.made.values() if row["customerEmail"] == asked["email"]]
        if known:
            return known[0]
        v1_id = f"bk_{len(self.made)}_{random.randrange(10**6)}"  # noqa: S311  # an id, no secret
        self.made[v1_id] = {
            "id": v1_id,
            "serviceId": asked["serviceId"],
            "scheduledDateTime": asked["scheduledDateTime"],
            "status": "CONFIRMED",
            "priceAtBooking": "85.00",
            "customerName": "Soak Customer",
            "customerEmail": asked["email"],
            "addressZip": "77573",
            "createdAt": "2026-11-01T12:00:00.000Z",
            "updatedAt": "2026-11-01T12:00:00.000Z",
        }
        return self.made[v1_id]


@pytest.fixture
def v1() -> Iterator[V1]:
    made = V1()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_switch_thrown_back_and_forth_loses_and_doubles_nothing(
    catalogue: Catalogue, settings: Settings, v1: V1
) -> None:
    settings.V1_BASE_URL = v1.url
    settings.V1_MIRROR_SECRET = SECRET
    settings.RATE_LIMIT_BOOKING = "off"
    for number in range(3):
        a_notary(home_zip=("77573", "77058", "77591")[number])
    flags()
    over = threading.Event()
    answered: dict[str, int] = {}
    threads = [
        threading.Thread(target=_call, args=(number, over, answered)) for number in range(_CALLERS)
    ]
    threads.append(threading.Thread(target=_flip, args=(over,)))
    for thread in threads:
        thread.start()
    time.sleep(_SECONDS)
    over.set()
    for thread in threads:
        thread.join(timeout=60)
    set_killed(is_killed=False, note="")
    # V1 reports all it has written, also what our door had taken over or lost.
    rows = [{"table": "Booking", "row": row} for row in v1.made.values()]
    for start in range(0, len(rows), 50):
        assert report(*rows[start : start + 50]).status_code == 200
    _judge(v1, answered)


def _call(number: int, over: threading.Event, answered: dict[str, int]) -> None:
    draw = random.Random(number)  # noqa: S311  # repeatable, not secret
    count = 0
    while not over.is_set():
        count += 1
        email = f"soak{number}.{count}@example.com"
        when = at(9, days=draw.randrange(40)) + timedelta(minutes=30 * draw.randrange(14))
        body = v1_body(email=email, scheduledDateTime=iso(when))
        for _ in range(4):
            answer = post("/api/bookings", body, **{"Idempotency-Key": email})
            answered[email] = answer.status_code
            if answer.status_code not in (503, 500):
                break
            time.sleep(0.05)
    connection.close()


def _flip(over: threading.Event) -> None:
    draw = random.Random(99)  # noqa: S311  # repeatable, not secret
    flag = next(flag for capability, flag in flags().items() if capability.value == "v2-booking")
    while not over.is_set():
        flag.everyone = draw.choice((True, False, None))
        flag.percent = draw.choice((0, 30, 70))
        flag.save()
        set_killed(is_killed=draw.random() < 0.2, note="soak")
        time.sleep(0.1)
    connection.close()


def _judge(v1: V1, answered: dict[str, int]) -> None:
    live = [status.value for status in LIVE_STATUSES]
    here = Counter(Booking.objects.filter(status__in=live).values_list("customer_email", flat=True))
    yes = {email for email, status in answered.items() if status in (200, 201)}
    assert len(yes) > 50
    assert {email: here[email] for email in yes if here[email] != 1} == {}
    assert {email for email, number in here.items() if number > 1} == set()
    # What nobody here was told, V1 has told somebody: its answer was lost on the way.
    extra = set(here) - yes
    assert extra <= {row["customerEmail"] for row in v1.made.values()}
    ended = set(V1Row.objects.filter(v1_id__in=v1.made).values_list("state", flat=True))
    assert ended <= {"IMPORTED", "MERGED"}
    assert V1Row.objects.filter(v1_id__in=v1.made).count() == len(v1.made)
    waiting = [
        booking
        for booking in Booking.objects.filter(status__in=live).select_related("notary")
        if booking.notary is not None and is_waiting_place(booking.notary)
    ]
    assert Case.objects.filter(kind="V1_CONFLICT").count() == len(waiting)
    with connection.cursor() as cursor:
        invariants = [one for one in all_invariants() if one.name != "jobs-are-done"]
        assert find_breaches(cursor=cursor, invariants=invariants) == []
