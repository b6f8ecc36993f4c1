"""`make bench-routes`: customers through every route of the API; no route may take long on average.

    python -m benchmarks.routes [--customers 60] [--at-once 4] [--save NAME]

Everything runs as on a desk, worker, beat and sandbox included; what the sandbox takes to answer is
part of what a payment takes.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg

from benchmarks import client, machine
from benchmarks.servers import partner_key, servers
from benchmarks.targets import MORE_NOTARIES
from hmnp.dev.ports import LOOPBACK

RESULTS = Path(__file__).parent / "results"
MOST_MEAN_MS = 200.0
_HOUSTON = ZoneInfo("America/Chicago")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"  # noqa: E501 -- one small file
_PAGES = ("/", "/services/ron/", "/book/ron/when/", "/services/standard-notary/", "/find/")
_CUSTOMER = {
    "customerName": "Ana María Ruiz",
    "customerEmail": "ana.ruiz@example.com",
    "customerPhone": "(713) 555-0188",
}


@dataclass
class Watch:
    """How long each route took, in seconds."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, route: str, seconds: float) -> None:
        """Note one answer."""
        with self._lock:
            self.took[route].append(seconds)


@dataclass
class Walk:
    """One customer, and the connection they keep."""

    http: httpx.Client
    sandbox: httpx.Client
    watch: Watch
    partner: str
    start: str

    def __post_init__(self) -> None:
        self._address = client.address()

    def ask(
        self, route: str, path: str, *statuses: int, headers: Any = None, **rest: Any
    ) -> httpx.Response:
        """Ask once, note how long it took. Raises RuntimeError for another status."""
        method = route.partition(" ")[0]
        headers = {"X-Forwarded-For": self._address, **(headers or {})}
        begun = time.perf_counter()
        answer = self.http.request(method, path, headers=headers, **rest)
        self.watch.note(route, time.perf_counter() - begun)
        if answer.status_code not in (statuses or (200,)):
            raise RuntimeError(f"{route}: {answer.status_code} {answer.text[:300]}")
        return answer

    def run(self) -> None:
        """Look around, hold, pay, book, change, cancel."""
        api = "/api/v2"
        for page in _PAGES:
            self.ask(f"GET {page} (page)", page)
        self.ask("GET /services", f"{api}/services")
        self.ask("GET /services/{id}", f"{api}/services/ron")
        asked = {"serviceId": "ron", "scheduledDateTime": self.start}
        quoted = self.ask("GET /services/pricing", f"{api}/services/pricing", params=asked).json()
        self.ask("POST /services/pricing", f"{api}/services/pricing", json=asked)
        day = {"serviceId": "ron", "date": self.start[:10], "days": "7"}
        self.ask("GET /availability", f"{api}/availability", params=day)
        wish = {"serviceId": "ron", "startTime": self.start, "quoteToken": quoted["quoteToken"]}
        self._let_go(wish)
        held = self.ask("POST /availability/hold", f"{api}/availability/hold", 201, json=wish)
        self._book(held.json())
        self._as_partner()

    def _let_go(self, wish: dict[str, Any]) -> None:
        path = "/api/v2/availability/hold"
        held = self.ask("POST /availability/hold", path, 201, json=wish).json()
        token = {"X-Hold-Token": held["holdToken"]}
        route = "DELETE /availability/hold/{id}"
        self.ask(route, f"{path}/{held['holdId']}", 204, headers=token)

    def _book(self, held: dict[str, Any]) -> None:
        api = "/api/v2"
        hold = {"holdId": held["holdId"], "holdToken": held["holdToken"]}
        body = {
            **_CUSTOMER,
            **hold,
            "serviceId": "ron",
            "scheduledDateTime": self.start,
            "termsAccepted": True,
        }
        key = {"Idempotency-Key": str(uuid4())}
        path = f"{api}/bookings"
        made = self.ask("POST /bookings", path, 201, json=body, headers=key).json()
        one = f"{path}/{made['booking']['id']}"
        bearer = {"Authorization": f"Bearer {made['accessToken']}"}
        paid = self._pay(made["booking"]["id"], bearer)
        self.ask("GET /payments/{id}", f"{api}/payments/{paid}", headers=bearer)
        self.ask("GET /bookings/{id}", one, headers=bearer)
        self.ask("GET /bookings/{id}/events", f"{one}/events", headers=bearer)
        self.ask("GET /bookings/{id}/calendar.ics", f"{one}/calendar.ics", headers=bearer)
        change = {"specialInstructions": "Please ring twice."}
        self.ask("PATCH /bookings/{id}", one, json=change, headers=bearer)
        whole = {**_CUSTOMER, "scheduledDateTime": self.start}
        self.ask("PUT /bookings/{id}", one, json=whole, headers=bearer)
        self._documents(one, bearer)
        self.ask("DELETE /bookings/{id}", one, headers=bearer)

    def _pay(self, booking_id: str, bearer: dict[str, str]) -> str:
        path, body = "/api/v2/payments", {"bookingId": booking_id}
        opened = self.ask(
            "POST /payments/intent", f"{path}/intent", 201, json=body, headers=bearer
        ).json()
        self.sandbox.post(
            f"/v1/payment_intents/{opened['paymentIntentId']}/confirm",
            data={
                "client_secret": opened["clientSecret"],
                "key": "pk_test_sandbox",
                "payment_method": "pm_card_visa",
            },
        ).raise_for_status()
        body = {
            "paymentIntentId": opened["paymentIntentId"],
            "clientSecret": opened["clientSecret"],
        }
        self.ask("POST /payments/confirm", f"{path}/confirm", json=body)
        return str(opened["paymentId"])

    def _documents(self, one: str, bearer: dict[str, str]) -> None:
        path, route = f"{one}/documents", "/bookings/{id}/documents"
        files = {"file": ("will.pdf", _PDF, "application/pdf")}
        sent = self.ask(f"POST {route}", path, 201, files=files, headers=bearer).json()
        self.ask(f"GET {route}", path, headers=bearer)
        self.ask(f"DELETE {route}/{{id}}", f"{path}/{sent['documentId']}", 204, headers=bearer)

    def _as_partner(self) -> None:
        key = {"Authorization": f"Api-Key {self.partner}"}
        self.ask("GET /bookings (partner)", "/api/v2/bookings", headers=key)
        self.ask("GET /healthz", "/healthz")
        self.ask("GET /readyz", "/readyz")


def main() -> int:
    """Measure; answer 1 when a route is too slow."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.routes", description=__doc__)
    asked.add_argument("--customers", type=int, default=60)
    asked.add_argument("--at-once", type=int, default=4)
    asked.add_argument("--save", default="", help="keep the result under this name")
    options = asked.parse_args()
    watch = Watch()
    with servers() as running:
        url = running.database("bench_routes")
        environment = running.site_environment(database_url=url)
        facts = machine.facts(database_url=url, redis_url=running.lease.redis_url)
        running.prepare(environment)
        key = partner_key(running, environment)
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(MORE_NOTARIES)
        running.sandbox(environment)
        running.web(environment)
        running.worker(environment, name="worker")
        running.beat(environment)
        base = f"http://{LOOPBACK}:{environment['PORT']}"
        sandbox = f"http://{LOOPBACK}:{environment['SANDBOX_PORT']}"
        starts = iter(_starts(base, options.customers))

        def walk(_: int) -> None:
            with (
                httpx.Client(base_url=base, timeout=30, trust_env=False) as http,
                httpx.Client(base_url=sandbox, timeout=30, trust_env=False) as outside,
            ):
                Walk(http=http, sandbox=outside, watch=watch, partner=key, start=next(starts)).run()

        # Once for what is loaded and planned only once.
        walk(0)
        watch.took.clear()
        with ThreadPoolExecutor(max_workers=options.at_once) as pool:
            list(pool.map(walk, range(options.customers - 1)))
    slow = [route for route, took in watch.took.items() if 1000 * mean(took) >= MOST_MEAN_MS]
    verdict = f"**Over {MOST_MEAN_MS:.0f} ms: {', '.join(slow)}**" if slow else "**All hold.**"
    text = "\n".join(
        [
            f"# Every route, {datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {fact}" for fact in facts),
            f"- {options.customers} customers, {options.at_once} at a time, each on one connection",
            "",
            _table(watch),
            "",
            f"No route may take {MOST_MEAN_MS:.0f} ms on average. {verdict}",
            "",
        ]
    )
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.save}.md").write_text(text, "utf-8")
    return 1 if slow else 0


def _starts(base: str, count: int) -> list[str]:
    day = datetime.now(tz=_HOUSTON).date() + timedelta(days=3)
    asked = {"serviceId": "ron", "date": day.isoformat(), "days": "14"}
    answer = httpx.get(f"{base}/api/v2/availability", params=asked, trust_env=False, timeout=30)
    found = [slot["startTime"] for slot in answer.json()["slots"]]
    return [start for start in found if start[14:16] == "00"][:count]


def _table(watch: Watch) -> str:
    lines = ["| route | answers | mean ms | median ms | p95 ms |", "|---|---:|---:|---:|---:|"]
    for route, took in watch.took.items():
        ordered = sorted(took)
        p95 = ordered[95 * (len(ordered) - 1) // 100]
        cells = " | ".join(f"{1000 * one:.0f}" for one in (mean(took), median(took), p95))
        lines.append(f"| {route} | {len(took)} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
