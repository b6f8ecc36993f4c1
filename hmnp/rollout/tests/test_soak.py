"""The switch thrown back and forth under load: nothing is lost, nothing doubled. By night."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from datetime import timedelta

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
from hmnp.rollout.tests.v1 import SECRET, V1, at, iso, post, report, v1_body
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.night]

_SECONDS = 30
_CALLERS = 6


def test_a_switch_thrown_back_and_forth_loses_and_doubles_nothing(
    catalogue: Catalogue, settings: Settings
) -> None:
    with V1(loses_every=17).serving() as v1:
        _soak(settings, v1)


def _soak(settings: Settings, v1: V1) -> None:
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
    # Both have really served.
    assert len(v1.made) > 20
    assert Booking.objects.filter(imported_at=None).count() > 10
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
