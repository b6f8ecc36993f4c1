"""Fifty customers want the same time at the same moment, through the real web server.

That the race is run at all is shown on a scratch table, in `bookings/tests/test_races.py`.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.faults.judging import judge
from tests.faults.site import WEB, Site

pytestmark = pytest.mark.slow

CLIENTS = 50
# Of holds, with one notary and with two together; a sixth of it for every other way to ask.
ROUNDS = int(os.environ.get("STORM_ROUNDS", "12"))
SLUG = "standard-notary"
# Near the home of the one, of the other, and between them: each puts another notary first.
ZIPS = ("77591", "77058", "77573", "77586", "77539")
HALF_HOUR = timedelta(minutes=30)
Json = dict[str, Any]


@pytest.fixture(scope="session")
def storm_times(_faults_site: Site) -> Iterator[str]:
    """Times nobody else asks for: three a weekday, far enough apart for any drive in between."""
    days = _faults_site.rows(
        "SELECT to_char(current_date + day, 'YYYY-MM-DD') FROM generate_series(4, 74, 14) day"
    )
    return (
        start
        for (day,) in days
        for start in _faults_site.free_starts(slug=SLUG, first_day=day, zip_code="77573")
        if start[11:16] in ("09:30", "12:30", "15:30")
    )


@pytest.fixture(params=[1, 2], ids=["one notary", "two notaries"])
def notaries(request: pytest.FixtureRequest, site: Site) -> Iterator[int]:
    """How many are free: with one, the other takes a holiday."""
    if request.param == 1:
        site.rows(
            "INSERT INTO bookings_notarydayoff (notary_id, first_day, last_day, reason) "
            "SELECT id, current_date, current_date + 100, 'storm' FROM bookings_notary "
            "WHERE email = 'james.whitfield@example.com'"
        )
    yield request.param
    site.rows("DELETE FROM bookings_notarydayoff WHERE reason = 'storm'")


def rounds(times: Iterator[str], *, share: int = 6) -> list[str]:
    """Take the times of one test: its share of the rounds."""
    taken = list(islice(times, ROUNDS // share))
    assert len(taken) == ROUNDS // share > 0, "there are no times left: fewer STORM_ROUNDS"
    return taken


def hold(start: str, zip_code: str) -> tuple[str, Json]:
    """Ask for a hold."""
    return "/api/v2/availability/hold", {
        "serviceId": SLUG,
        "startTime": start,
        "zip": zip_code,
    }


def booking(start: str, zip_code: str) -> tuple[str, Json]:
    """Ask for a booking without a hold."""
    return "/api/v2/bookings", {
        "serviceId": SLUG,
        "scheduledDateTime": start,
        "customerName": "Storm Customer",
        "customerEmail": f"storm-{uuid.uuid4().hex[:10]}@example.com",
        "customerPhone": "(713) 555-0123",
        "termsAccepted": True,
        "address": {"street": "1 Storm St", "city": "Houston", "state": "TX", "zip": zip_code},
    }


def storm(site: Site, wishes: list[tuple[str, Json]]) -> list[httpx.Response]:
    """Send all of them at the same moment."""
    gate = threading.Barrier(len(wishes))

    def ask(wish: tuple[str, Json]) -> httpx.Response:
        gate.wait(timeout=60)
        return site.http.post(wish[0], json=wish[1])

    with ThreadPoolExecutor(max_workers=len(wishes)) as pool:
        return list(pool.map(ask, wishes))


def winners(answers: list[httpx.Response]) -> int:
    """Count who won, and assert that everybody else was refused as promised."""
    for answer in answers:
        if answer.status_code == 201:
            continue
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (409, "SLOT_TAKEN"), answer.text
        assert len(error["details"]["alternatives"]) == 3, answer.text
    return sum(answer.status_code == 201 for answer in answers)


@contextmanager
def no_deadlock(site: Site) -> Iterator[None]:
    """Assert that PostgreSQL has logged no deadlock of this site's meanwhile."""
    log = Path(os.environ["EMBEDDED_POSTGRES_LOG"])
    before = log.stat().st_size
    name = site.rows("SHOW application_name")[0][0]
    yield
    assert not deadlocks(log, since=before, name=name)
    # The lines would be found: the web server's own sessions bear that name.
    backends = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    assert site.rows(backends, name)[0][0] > WEB["workers"]


def deadlocks(log: Path, *, since: int, name: str) -> list[str]:
    """Give the lines that tell of a deadlock of sessions of this name."""
    with log.open("rb") as lines:
        lines.seek(since)
        text = lines.read().decode("utf-8", "replace")
    return [line for line in text.splitlines() if f"] {name} ERROR:  deadlock detected" in line]


needs_log = pytest.mark.skipif(
    "EMBEDDED_POSTGRES_LOG" not in os.environ, reason="the log of an outside PostgreSQL is not ours"
)


@needs_log
@pytest.mark.parametrize(("ask", "share"), [(hold, 2), (booking, 6)])
def test_one_time_goes_to_as_many_as_there_are_notaries(
    site: Site,
    storm_times: Iterator[str],
    notaries: int,
    ask: Callable[[str, str], tuple[str, Json]],
    share: int,
) -> None:
    with no_deadlock(site):
        for start in rounds(storm_times, share=share):
            answers = storm(site, [ask(start, "77573")] * CLIENTS)
            assert winners(answers) == notaries, Counter(a.status_code for a in answers)
            assert _live_claims(site, start) == notaries
    site.quiesce()
    judge(site)


@needs_log
def test_overlapping_times_go_to_as_many_as_there_are_notaries(
    site: Site, storm_times: Iterator[str], notaries: int
) -> None:
    with no_deadlock(site):
        for start in rounds(storm_times):
            later = (datetime.fromisoformat(start) + HALF_HOUR).isoformat()
            wishes = [hold(one, "77573") for one in islice(cycle([start, later]), CLIENTS)]
            assert winners(storm(site, wishes)) == notaries
            assert _live_claims(site, start) + _live_claims(site, later) == notaries
    site.quiesce()
    judge(site)


@needs_log
@pytest.mark.parametrize("ask", [hold, booking])
def test_customers_who_rank_the_notaries_differently_never_deadlock(
    site: Site,
    storm_times: Iterator[str],
    ask: Callable[[str, str], tuple[str, Json]],
) -> None:
    with no_deadlock(site):
        for start in rounds(storm_times):
            wishes = [ask(start, zip_code) for zip_code in islice(cycle(ZIPS), CLIENTS)]
            answers = storm(site, wishes)
            assert winners(answers) == 2
            assert _live_claims(site, start) == 2
    assert _first_choices(site) == 2, "the ZIP codes must not all prefer the same notary"
    site.quiesce()
    judge(site)


@needs_log
def test_a_deadlock_would_be_seen_in_the_log(site: Site) -> None:
    """The control: two sessions that lock crosswise, and the log tells of it."""
    log = Path(os.environ["EMBEDDED_POSTGRES_LOG"])
    before, name = log.stat().st_size, f"control_{uuid.uuid4().hex}"
    url = site.live.environment["DATABASE_URL"].partition("?")[0] + f"?application_name={name}"
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute("SELECT pg_advisory_xact_lock(7, 1)")
        other.execute("SELECT pg_advisory_xact_lock(7, 2)")
        with ThreadPoolExecutor(max_workers=2) as pool:
            tries = [
                pool.submit(one.execute, "SELECT pg_advisory_xact_lock(7, 2)"),
                pool.submit(other.execute, "SELECT pg_advisory_xact_lock(7, 1)"),
            ]
            failures = [attempt.exception(timeout=30) for attempt in tries]
            assert [type(f) for f in failures if f] == [psycopg.errors.DeadlockDetected]
    assert len(deadlocks(log, since=before, name=name)) == 1


def _live_claims(site: Site, start: str) -> int:
    count: int = site.rows(
        "SELECT count(*) FROM bookings_slotclaim c JOIN services_service s ON s.id = c.service_id "
        "WHERE c.starts_at = %s AND s.slug = %s "
        "AND c.state IN ('HELD', 'PAYING', 'CLOSING', 'BOOKED')",
        datetime.fromisoformat(start),
        SLUG,
    )[0][0]
    return count


def _first_choices(site: Site) -> int:
    """Count the notaries that somebody is given first, on a day of their own for each ZIP code."""
    chosen = set()
    for number, zip_code in enumerate(ZIPS):
        day = site.rows("SELECT to_char(current_date + %s::int, 'YYYY-MM-DD')", 72 + 3 * number)[0][
            0
        ]
        start = site.free_starts(slug=SLUG, first_day=day, zip_code=zip_code)[0]
        path, body = hold(start, zip_code)
        answer = site.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        chosen.add(
            site.rows(
                "SELECT notary_id FROM bookings_slotclaim WHERE id = %s", answer.json()["holdId"]
            )[0][0]
        )
    return len(chosen)
