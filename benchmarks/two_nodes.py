"""Two hosts on one PostgreSQL and one Redis, and one of them dies: nothing doubled, nothing lost.

    python -m benchmarks.two_nodes [--customers 80] [--save NAME]

Each node is a web server and a worker with a port and a folder of its own; beat runs on the second
one. Customers come in pairs that want the same time, one at each node. When a good third of them is
served, the first node's web server and worker are killed without warning.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg

from benchmarks import client, machine
from benchmarks.servers import Servers, servers
from hmnp.dev.ports import LOOPBACK, quiet_port
from hmnp.dev.processes import ManagedProcess

RESULTS = Path(__file__).parent / "results"
_HOUSTON = ZoneInfo("America/Chicago")
# What is asked of the outside world is mail and money.
_OFF = "ghl,google_calendar,caldav,proof,sms"
_PATIENCE_SECONDS = 60.0
# The dead worker's leases end first.
_DRAIN_SECONDS = 150
# One notary for remote sessions, so that each time can be had once.
_ONE_NOTARY = """
    DELETE FROM bookings_notary_skills s USING bookings_notary n, services_service v
        WHERE n.id = s.notary_id AND n.email <> 'priya.raman@example.com'
          AND v.id = s.service_id AND v.slug = 'ron';
    UPDATE bookings_notary SET daily_capacity = 5000;
"""
_DOUBLED = """
    SELECT starts_at, count(*) FROM bookings_booking
    WHERE status IN ('PENDING_PAYMENT', 'CONFIRMED') GROUP BY starts_at HAVING count(*) > 1
"""


@dataclass
class Nodes:
    """The nodes' addresses, and who is still there."""

    urls: list[str]
    children: list[list[ManagedProcess]]
    served: int = 0
    kill_after: int = 0
    killed_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count_one(self) -> None:
        """Note that a customer is done; kill the first node when it is time."""
        with self._lock:
            self.served += 1
            if self.served < self.kill_after or self.killed_at:
                return
            self.killed_at = time.monotonic()
            for child in self.children[0]:
                child.kill()


@dataclass
class Customer:
    """Wants one time, begins at one node, and goes to the other when that one is gone."""

    nodes: Nodes
    sandbox: httpx.Client
    start: str
    node: int
    number: int
    booking_id: str = ""
    outcome: str = ""
    retried: int = 0

    @property
    def email(self) -> str:
        """An address no other customer has."""
        return f"customer-{self.number}@two-nodes.example"

    def run(self) -> None:
        """Book and pay; whatever was acknowledged is remembered."""
        with httpx.Client(timeout=20, trust_env=False) as http:
            self._run(http)
        self.nodes.count_one()

    def _run(self, http: httpx.Client) -> None:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        body = {
            "serviceId": "ron",
            "scheduledDateTime": self.start,
            "customerName": "Ana María Ruiz",
            "customerEmail": self.email,
            "customerPhone": "(713) 555-0188",
            "termsAccepted": True,
        }
        made = self._post(http, "/bookings", body, key)
        if made.status_code == 409:
            self.outcome = str(made.json()["error"]["code"])
            return
        if made.status_code != 201:
            self.outcome = f"booking {made.status_code} {made.text[:200]}"
            return
        self.booking_id = made.json()["booking"]["id"]
        bearer = {"Authorization": f"Bearer {made.json()['accessToken']}"}
        opened = self._post(http, "/payments/intent", {"bookingId": self.booking_id}, bearer).json()
        self._card(opened)
        settled = self._post(
            http,
            "/payments/confirm",
            {
                "paymentIntentId": opened["paymentIntentId"],
                "clientSecret": opened["clientSecret"],
            },
            {},
        )
        self.outcome = settled.json()["payment"]["status"]

    def _post(
        self, http: httpx.Client, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        """Ask in turn at both nodes until one answers for good."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        headers = headers | {"X-Forwarded-For": client.address()}
        while True:
            base = self.nodes.urls[self.node % 2]
            # The next step, and every other try, is the other node's.
            self.node += 1
            try:
                answer = http.post(f"{base}/api/v2{path}", json=body, headers=headers)
                is_twin = answer.status_code == 409 and "IDEMPOTENCY_IN_PROGRESS" in answer.text
                if answer.status_code not in (202, 503) and not is_twin:
                    return answer
            except httpx.TransportError:
                pass
            self.retried += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer for customer {self.number} at {path}")
            time.sleep(0.1)

    def _card(self, opened: dict[str, Any]) -> None:
        answer = self.sandbox.post(
            f"/v1/payment_intents/{opened['paymentIntentId']}/confirm",
            data={
                "client_secret": opened["clientSecret"],
                "key": "pk_test_sandbox",
                "payment_method": "pm_card_visa",
            },
        )
        answer.raise_for_status()


def main() -> int:
    """Run it; answer 1 when something was doubled or lost."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.two_nodes", description=__doc__)
    asked.add_argument("--customers", type=int, default=80)
    asked.add_argument("--save", default="", help="keep the result under this name")
    options = asked.parse_args()
    with servers() as running:
        url = running.database("bench_nodes")
        first = running.site_environment(database_url=url) | {"INTEGRATIONS_OFF": _OFF}
        facts = machine.facts(database_url=url, redis_url=running.lease.redis_url)
        lines, problems = _run(running, first, url, count=options.customers // 2 * 2)
    verdict = [f"- **{one}**" for one in problems] or ["**Nothing doubled, nothing lost.**"]
    text = "\n".join(
        [
            f"# Two nodes, one of them killed, {datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {line}" for line in [*facts, *lines]),
            "",
            *verdict,
            "",
        ]
    )
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.save}.md").write_text(text, "utf-8")
    return 1 if problems else 0


def _run(
    running: Servers, first: dict[str, str], url: str, *, count: int
) -> tuple[list[str], list[str]]:
    running.prepare(first)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(_ONE_NOTARY)
    running.sandbox(first)
    # A host of its own knows its own port and folder; the documents' folder is shared.
    second = first | {"PORT": str(quiet_port())}
    children = [
        [running.web(node, name=f"web-{name}"), running.worker(node, name=f"worker-{name}")]
        for node, name in ((first, "one"), (second, "two"))
    ]
    running.beat(second)
    urls = [f"http://{LOOPBACK}:{node['PORT']}" for node in (first, second)]
    nodes = Nodes(urls=urls, children=children, kill_after=count * 2 // 5)
    starts = _starts(urls[1], count // 2)
    sandbox_url = f"http://{LOOPBACK}:{first['SANDBOX_PORT']}"
    with httpx.Client(base_url=sandbox_url, timeout=30, trust_env=False) as sandbox:
        numbers = itertools.count(1)
        customers = [
            Customer(nodes=nodes, sandbox=sandbox, start=start, node=node, number=next(numbers))
            for start in starts
            for node in (0, 1)
        ]
        begun = time.monotonic()
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(Customer.run, customers))
        took = time.monotonic() - begun
        checked = _check_invariants(running, second)
        ledger = sandbox.get("/_sandbox/ledger").json()
    outcomes = Counter(one.outcome for one in customers)
    lines = [
        f"{count} customers in pairs for {len(starts)} times, 8 at a time, {took:.1f} s; the web "
        f"server and the worker of one node killed after {nodes.kill_after} of them",
        f"outcomes: {', '.join(f'{name} {times}' for name, times in outcomes.items())}; "
        f"{sum(one.retried for one in customers)} requests repeated at the other node",
        checked,
    ]
    return lines, [*_problems(customers, url, ledger), *_unless_all_hold(checked)]


def _starts(url: str, count: int) -> list[str]:
    day = datetime.now(tz=_HOUSTON).date() + timedelta(days=3)
    asked = {"serviceId": "ron", "date": day.isoformat(), "days": "14"}
    answer = httpx.get(f"{url}/api/v2/availability", params=asked, trust_env=False, timeout=30)
    found = [slot["startTime"] for slot in answer.json()["slots"]]
    return [start for start in found if start[14:16] == "00"][:count]


def _check_invariants(running: Servers, environment: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", "check_invariants", "--wait", str(_DRAIN_SECONDS)]
    try:
        said = running.run("check-invariants", command, environment)
    except RuntimeError as problem:
        said = str(problem)
    return said.strip().splitlines()[-1]


def _unless_all_hold(checked: str) -> list[str]:
    return [] if "invariants hold" in checked else [checked]


def _problems(customers: list[Customer], url: str, ledger: dict[str, Any]) -> list[str]:
    """Compare what customers were told with what the rows and the outside world say."""
    problems = []
    with psycopg.connect(url) as database:
        problems += [
            f"{start} is booked {times} times" for start, times in database.execute(_DOUBLED)
        ]
        rows = database.execute("SELECT id::text, status FROM bookings_booking").fetchall()
        waiting = database.execute(
            "SELECT count(*) FROM integrations_outboxjob WHERE state IN ('READY', 'RUNNING') "
            "AND run_at <= now()"
        ).fetchone()
    if waiting and waiting[0]:
        problems.append(f"{waiting[0]} jobs are still waiting")
    statuses: dict[str, str] = dict(rows)
    mails = Counter(
        address
        for mail in ledger["mails"]
        if mail["metadata"].get("message") == "confirmation"
        for address in mail["to"]
    )
    charged = [one for one in ledger["payment_intents"] if one["status"] == "succeeded"]
    paid = [one for one in customers if one.outcome == "SUCCEEDED"]
    for one in paid:
        if statuses.get(one.booking_id) != "CONFIRMED":
            problems.append(f"{one.email} paid and is {statuses.get(one.booking_id)}")
        if mails[one.email] != 1:
            problems.append(f"{one.email} got {mails[one.email]} confirmations")
    if len(charged) != len(paid):
        problems.append(f"{len(charged)} cards were charged for {len(paid)} customers")
    strange = {one.outcome for one in customers} - {"SUCCEEDED", "SLOT_TAKEN"}
    problems += [f"a customer was told: {outcome}" for outcome in sorted(strange)]
    wanted = {one.start for one in customers}
    won = {one.start for one in paid}
    problems += [f"nobody got {start}" for start in sorted(wanted - won)]
    return problems


if __name__ == "__main__":
    sys.exit(main())
