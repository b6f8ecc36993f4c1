"""What is measured: the floors, and beside each our endpoint that does the whole of the work."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from benchmarks import client
from benchmarks.floors.data import SLOTS
from hmnp.dev.ports import LOOPBACK

READERS, WRITERS = 32, 4
_HOUSTON = ZoneInfo("America/Chicago")
_ZIP = "77573"
_PLACES = "77573 77539 77058 77062 77546 77581 77584 77089 77598 77586 77565 77568 77590"
_ONLINE, _MOBILE = "ron", "standard-notary"
# Enough requests to begin with, that each round comes to its end by the clock.
_MOST_A_SECOND = 700
_UNCACHED_A_ROUND = 200
_FLOOR_NOTARIES = 40
# More than one customer wants each hour.
ONLINE_NOTARIES = 12
# Holds live for five minutes: those of the last round would fill the calendar of the next.
FREE_HOLDS = "UPDATE bookings_slotclaim SET state = 'EXPIRED' WHERE state = 'HELD'"

Job = dict[str, Any]


@dataclass
class Target:
    """One thing to measure; `job` gives the load generator's job for one round of `seconds`."""

    name: str
    what: str
    job: Callable[[float], Job]
    # A load generator of its own where it is not HTTP.
    module: str = "benchmarks.load"
    rates: list[float] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)


class Supply:
    """Times that nobody has booked yet, each given out once."""

    def __init__(self, starts: list[Any]) -> None:
        self._starts, self._given = starts, 0

    def take(self, count: int) -> list[Any]:
        """Give the next times. Raises RuntimeError when there are none."""
        found = self._starts[self._given : self._given + count]
        if not found:
            raise RuntimeError("every time is booked; shorter rounds need fewer")
        return found

    def taken(self, count: int) -> None:
        """Note that so many of those given last are gone."""
        self._given += count


def floors(*, port: int, database_url: str) -> list[Target]:
    """Give the floors."""
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    everything = Supply(
        [
            (notary, (begin + timedelta(hours=hour)).isoformat())
            for hour in range(8000)
            for notary in range(_FLOOR_NOTARIES)
        ]
    )

    def get(path: str, contains: str) -> Callable[[float], Job]:
        return lambda seconds: _get(port, seconds, [client.request("GET", path)], contains)

    def book(seconds: float) -> Job:
        body = {"customerName": "Ana María Ruiz", "customerEmail": "ana.ruiz@example.com"}
        starts = everything.take(int(seconds * 3 * _MOST_A_SECOND))
        everything.taken(len(starts))
        requests = [
            client.request(
                "POST", "/transaction", body=body | {"notary": notary, "startTime": start}
            )
            for notary, start in starts
        ]
        return _post(port, seconds, requests, '"id"')

    def book_plainly(seconds: float) -> Job:
        starts = everything.take(int(seconds * 6 * _MOST_A_SECOND))
        everything.taken(len(starts))
        return {
            "address": database_url,
            "starts": starts,
            "seconds": seconds,
            "connections": WRITERS,
        }

    return [
        Target("hello", "floor: bare Django view", get("/hello", "hello")),
        Target("ten-kb", "floor: 10 KB JsonResponse", get("/ten-kb", SLOTS["slots"][0]["endTime"])),
        Target("orm", "floor: least booking, bare view, ORM", book),
        Target(
            "psycopg",
            "floor: least booking, psycopg, 4 connections",
            book_plainly,
            "benchmarks.psycopg_floor",
        ),
    ]


class Ours:
    """Our endpoints, on a site with nobody else."""

    def __init__(self, *, port: int, partner_key: str) -> None:
        self.port, self._partner_key = port, partner_key
        self._base = f"http://{LOOPBACK}:{port}"
        today = datetime.now(tz=_HOUSTON).date()
        self._bookable = Supply(self._starts(today + timedelta(days=2), fortnights=4))
        self._holdable = Supply(self._starts(today + timedelta(days=60), fortnights=2))
        self._day = today + timedelta(days=1)
        while self._day.isoweekday() > 5:
            self._day += timedelta(days=1)
        self._unseen = [
            {"serviceId": _MOBILE, "date": (today + timedelta(days=day)).isoformat(), "zip": place}
            for day in range(2, 80)
            for place in _PLACES.split()
        ]

    def targets(self) -> list[Target]:
        """Give them all; a 304 only where there is an ETag."""
        path = self._availability(days=3)
        etag = client.fetch(self._base + path)[0].get("etag", "")
        at_ten = datetime.combine(self._day, time(10), tzinfo=_HOUSTON).isoformat()
        asked = {"serviceId": _MOBILE, "zip": _ZIP, "scheduledDateTime": at_ten}
        quote = f"/api/v2/services/pricing?{urlencode(asked)}"
        found = [
            Target("availability", "availability, cached, 3 days", self._get(path, '"slots"')),
            Target("quote", "price quote", self._get(quote, '"quoteToken"')),
            Target("services", "list of services", self._get("/api/v2/services", '"ron"')),
            Target("uncached", "availability, never asked before, 1 day", self._uncached),
            Target("hold", "hold", self._hold),
            Target("booking", "booking, full POST, payment due", self._book),
            Target("partner", "booking of a partner, confirmed at once", self._book_now),
        ]
        if etag:
            what = "availability, If-None-Match → 304"
            found.insert(1, Target("not-modified", what, lambda one: self._unchanged(path, one)))
        return found

    def _unchanged(self, path: str, seconds: float) -> Job:
        # What was booked since the last round has changed it.
        headers = {"If-None-Match": client.fetch(self._base + path)[0]["etag"]}
        again = [client.request("GET", path, headers=headers) for _ in range(500)]
        return _get(self.port, seconds, again, "") | {"status": 304}

    def _availability(self, *, days: int) -> str:
        asked = {"serviceId": _ONLINE, "date": self._day.isoformat(), "days": days}
        return f"/api/v2/availability?{urlencode(asked)}"

    def _starts(self, first_day: date, *, fortnights: int) -> list[str]:
        """Give hourly times, each as often as there are notaries for it."""
        found = []
        for number in range(fortnights):
            day = first_day + timedelta(days=14 * number)
            asked = urlencode({"serviceId": _ONLINE, "date": day.isoformat(), "days": 14})
            _, body = client.fetch(f"{self._base}/api/v2/availability?{asked}")
            found += [slot["startTime"] for slot in json.loads(body)["slots"]]
        hourly = [start for start in found if start[14:16] == "00"]
        return hourly * ONLINE_NOTARIES

    def _get(self, path: str, contains: str) -> Callable[[float], Job]:
        requests = [client.request("GET", path) for _ in range(500)]
        return lambda seconds: _get(self.port, seconds, requests, contains)

    def _uncached(self, seconds: float) -> Job:
        asked, self._unseen = self._unseen[:_UNCACHED_A_ROUND], self._unseen[_UNCACHED_A_ROUND:]
        requests = [
            client.request("GET", f"/api/v2/availability?{urlencode(one)}") for one in asked
        ]
        return _get(self.port, seconds, requests, '"slots"') | {"is_once": True, "warm_up": 0.0}

    def _hold(self, seconds: float) -> Job:
        starts = self._holdable.take(int(seconds * _MOST_A_SECOND))
        requests = [
            client.request(
                "POST",
                "/api/v2/availability/hold",
                body={"serviceId": _ONLINE, "startTime": start},
                headers={"Idempotency-Key": str(uuid4())},
            )
            for start in starts
        ]
        return _post(self.port, seconds, requests, '"holdToken"')

    def _book(self, seconds: float) -> Job:
        return self._booking(seconds, {}, '"PENDING_PAYMENT"')

    def _book_now(self, seconds: float) -> Job:
        headers = {"Authorization": f"Api-Key {self._partner_key}"}
        return self._booking(seconds, headers, '"CONFIRMED"')

    def _booking(self, seconds: float, headers: dict[str, str], contains: str) -> Job:
        starts = self._bookable.take(int(seconds * _MOST_A_SECOND))
        requests = [
            client.request(
                "POST",
                "/api/v2/bookings",
                body={
                    "serviceId": _ONLINE,
                    "scheduledDateTime": start,
                    "customerName": "Ana María Ruiz",
                    "customerEmail": "ana.ruiz@example.com",
                    "customerPhone": "(713) 555-0188",
                    "termsAccepted": True,
                },
                headers={"Idempotency-Key": str(uuid4()), **headers},
            )
            for start in starts
        ]
        return _post(self.port, seconds, requests, contains)

    def note_taken(self, target: Target, count: int) -> None:
        """Remember which times are gone after a round."""
        if target.name == "hold":
            self._holdable.taken(count)
        elif target.name in ("booking", "partner"):
            self._bookable.taken(count)


MORE_NOTARIES = f"""
    UPDATE bookings_notary SET daily_capacity = 5000;
    INSERT INTO bookings_notary SELECT (made.new).* FROM (
        SELECT jsonb_populate_record(old, jsonb_build_object(
            'id', nextval(pg_get_serial_sequence('bookings_notary', 'id')), 'name', 'Online ' || n,
            'email', 'online' || n || '@example.com', 'feed_secret', 'bench-' || n)) AS new
        FROM bookings_notary AS old, generate_series(1, {ONLINE_NOTARIES - 1}) n
        WHERE old.email = 'priya.raman@example.com') AS made;
    INSERT INTO bookings_notaryhours (notary_id, weekday, opens_minute, closes_minute)
        SELECT new.id, h.weekday, h.opens_minute, h.closes_minute
        FROM bookings_notary new, bookings_notaryhours h
        JOIN bookings_notary old ON old.id = h.notary_id
        WHERE new.email LIKE 'online%' AND old.email = 'priya.raman@example.com';
    INSERT INTO bookings_notary_skills (notary_id, service_id)
        SELECT new.id, s.service_id
        FROM bookings_notary new, bookings_notary_skills s
        JOIN bookings_notary old ON old.id = s.notary_id
        WHERE new.email LIKE 'online%' AND old.email = 'priya.raman@example.com';
    UPDATE accounts_partner SET terms = 'STATEMENT';
"""


def _get(port: int, seconds: float, requests: list[str], contains: str) -> Job:
    return {
        "host": LOOPBACK,
        "port": port,
        "connections": READERS,
        "seconds": seconds,
        "warm_up": min(0.5, seconds / 5),
        "requests": requests,
        "status": 200,
        "contains": contains,
    }


def _post(port: int, seconds: float, requests: list[str], contains: str) -> Job:
    once = {"status": 201, "connections": WRITERS, "is_once": True, "warm_up": 0.0}
    return _get(port, seconds, requests, contains) | once
