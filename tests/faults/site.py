"""A whole site of its own for fault tests: own database, own ports, processes to kill at will.

It has no beat: a test says when the sweepers run, so that nothing is mended behind its back. Who
waits for a mail after something has failed rings like beat (`Site.tick`).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
import redis
from celery import Celery
from kombu import pools
from kombu.exceptions import OperationalError

from hmnp.core import invariants
from hmnp.dev.embedded import as_the_site
from hmnp.dev.guard import Guard
from hmnp.dev.live import LiveProcesses
from hmnp.dev.ports import quiet_port
from hmnp.dev.processes import ManagedProcess, python_module
from hmnp.dev.site import celery_client
from hmnp.dev.state import GOOGLE_FILE

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
NUMBER = int(WORKER.removeprefix("gw"))
IS_NIGHT = "FAULT_FLOWS" in os.environ
TICK_SECONDS = 2.0
# A night may be shared with others; nothing is concluded from how long something takes.
PATIENCE_SECONDS = 600.0 if IS_NIGHT else 120.0
# Money and mail; `test_outside` has the other systems, and every connector tests of its own.
ALL_BUT_MAIL = "ghl,google_calendar,caldav,proof,sms"
REDIS_DATABASES = {"faults": 8, "outside": 16}
# The storms' clients must meet inside the web server, not queue up in front of it.
WEB = {"workers": 2, "threads": 8}
# Most of what they do under faults is to wait for an answer.
WORKERS = 6
SWEEPS = (
    "bookings.expire_holds",
    *["payments.sweep"] * 4,
    "integrations.sweep_outbox",
    "integrations.sweep_inbox",
)
# Everything that is not at rest; with every date moved into the past, each sweep lessens it.
UNFINISHED = """
    SELECT
        (SELECT count(*) FROM bookings_slotclaim WHERE state IN ('HELD', 'PAYING', 'CLOSING')),
        (SELECT count(*) FROM payments_payment
         WHERE late_since IS NOT NULL OR (intent_requested_at IS NOT NULL
               AND status IN ('CREATED', 'REQUIRES_PAYMENT', 'PROCESSING'))),
        (SELECT count(*) FROM payments_refund WHERE status IN ('REQUESTED', 'PENDING')),
        (SELECT count(*) FROM integrations_outboxjob WHERE state IN ('READY', 'RUNNING')),
        (SELECT count(*) FROM integrations_inboxevent WHERE state IN ('RECEIVED', 'PARKED'))
"""
MAKE_DUE = """
    UPDATE bookings_slotclaim SET expires_at = clock_timestamp() - interval '2 s'
        WHERE state IN ('HELD', 'PAYING', 'CLOSING')
          AND expires_at > clock_timestamp() - interval '1 s';
    UPDATE payments_payment SET run_at = clock_timestamp() - interval '1 s'
        WHERE late_since IS NOT NULL
           OR status IN ('CREATED', 'REQUIRES_PAYMENT', 'PROCESSING');
    UPDATE payments_latechoice SET expires_at = clock_timestamp() - interval '1 s'
        WHERE state = 'OPEN';
    UPDATE payments_refund SET run_at = clock_timestamp() - interval '1 s'
        WHERE status IN ('REQUESTED', 'PENDING');
    UPDATE integrations_destinationstate SET open_until = clock_timestamp() - interval '1 s'
        WHERE open_until > clock_timestamp();
    UPDATE integrations_outboxjob SET run_at = clock_timestamp() - interval '1 s', rung_at = NULL
        WHERE state = 'READY';
    UPDATE integrations_inboxevent SET run_at = clock_timestamp() - interval '1 s'
        WHERE state IN ('RECEIVED', 'PARKED');
"""

HAS_FAILED = "SELECT 1 FROM integrations_outboxjob WHERE state = 'READY' AND attempts > 0 LIMIT 1"
RUNNING = "SELECT token FROM integrations_outboxjob WHERE state = 'RUNNING'"
END_LEASES = """
    UPDATE integrations_outboxjob
        SET lease_until = clock_timestamp() - interval '1 s', rung_at = NULL
        WHERE state = 'RUNNING' AND token = ANY(%s)
"""


@dataclass
class Site:
    """Web, worker and sandbox over a database of their own."""

    live: LiveProcesses
    database: psycopg.Connection[tuple[Any, ...]]
    broker: Celery
    points: Path
    http: httpx.Client
    sandbox: httpx.Client
    children: dict[str, ManagedProcess] = field(default_factory=dict)
    # Answers that no fault excuses; every test asserts that there are none.
    surprises: list[str] = field(default_factory=list)
    # Intents that another program made at Stripe; none of our rows names them.
    foreign: set[str] = field(default_factory=set)
    _reviving: threading.Lock = field(default_factory=threading.Lock)
    _choosing: threading.Lock = field(default_factory=threading.Lock)
    _ticking: threading.Lock = field(default_factory=threading.Lock)
    _ticks_at: float = 0.0
    _slots: Iterator[str] | None = None

    # --- processes ---------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start these of web, worker and sandbox, and wait until they answer."""
        starts: dict[str, Callable[[], ManagedProcess]] = {
            "web": lambda: self.live.start_web(**WEB),
            "worker": lambda: self.live.start_worker(has_beat=False, concurrency=WORKERS),
            "sandbox": self.live.start_sandbox,
        }
        # Side by side, since each mostly waits for itself.
        with ThreadPoolExecutor(max_workers=len(starts)) as pool:
            begun = {name: pool.submit(starts[name]) for name in names}
            self.children |= {name: start.result() for name, start in begun.items()}

    def kill(self, *names: str) -> None:
        """Kill -9 whole process trees, together."""
        for name in names:
            assert not self.children[name].has_ended, f"{name} was dead already"
            self.children[name].kill()

    def kill_and_start(self, *names: str) -> None:
        """Kill these and start them again, while nobody else revives them."""
        with self._reviving:
            for name in names:
                self.children[name].kill()
            self.start(*names)

    def connect_anew(self) -> None:
        """Forget the connections to a broker that was killed."""
        self.broker.close()
        pools.reset()
        self.broker = celery_client(broker=self.live.environment["CELERY_BROKER_URL"])

    def revive(self) -> None:
        """Start what has ended by itself, as a process manager would."""
        with self._reviving:
            ended = [name for name, child in self.children.items() if child.has_ended]
            self.start(*ended)

    def manage(self, *arguments: str) -> ManagedProcess:
        """Run a management command to its end."""
        child = self.live.run_manage(*arguments)
        child.process.wait(timeout=60)
        return child

    # --- named crash points ------------------------------------------------------------------

    def arm(self, *names: str) -> None:
        """Let the next process that comes to each of these points die there."""
        for name in names:
            (self.points / name).touch()

    def armed(self) -> set[str]:
        """Give the points nobody has died at yet."""
        return {path.name for path in self.points.iterdir() if ".died-" not in path.name}

    def deaths(self) -> dict[str, int]:
        """Give the process that died at each point; none of them is left."""
        died = [path.name.rpartition(".died-") for path in self.points.glob("*.died-*")]
        deaths = {name: int(pid) for name, _, pid in died}
        assert not [name for name, pid in deaths.items() if _is_alive(pid)]
        return deaths

    def disarm(self) -> None:
        """Forget every point and every death."""
        for path in self.points.iterdir():
            path.unlink()

    # --- rows --------------------------------------------------------------------------------

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Run one statement on the site's database."""
        cursor = self.database.execute(cast(Any, query), params or None)
        return cursor.fetchall() if cursor.description else []

    def breaches(self) -> list[str]:
        """Give what the checker finds wrong, in one snapshot."""
        with self.database.transaction(), self.database.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            found = invariants.find_breaches(
                cursor=cast(invariants.Cursor, cursor), invariants=invariants.all_invariants()
            )
        return [f"{one.code} {one.name}: {one.subject} {one.detail}" for one in found]

    # --- time --------------------------------------------------------------------------------

    def quiesce(self, *, heals: bool = True, rounds: int = 40) -> None:
        """Let everything run out and be finished, by the sweepers alone.

        What waits for a time is moved into the past instead of waited for.
        """
        if heals:
            self.heal()
        self.revive()
        for _ in range(rounds):
            # What was being done then, and is still said to be when no task runs, is a dead
            # worker's. A webhook may have begun another job since: that one keeps its lease.
            begun = [token for (token,) in self.rows(RUNNING)]
            self.wait_until_idle()
            self.rows(END_LEASES, begun)
            self.rows(MAKE_DUE)
            for name in SWEEPS:
                self.broker.send_task(name)
            self.wait_until_idle()
            if not any(self.unfinished()):
                return
        raise AssertionError(
            f"not at rest (claims, payments, refunds, jobs, events): {self.unfinished()}\n"
            + self.children["worker"].log_end(lines=60)
        )

    def tick(self) -> None:
        """Ring as beat does every few seconds, if a job has failed and only beat would ring again.

        A bell that was lost without that is not rung for: nobody would notice.
        """
        with self._ticking:
            if time.monotonic() < self._ticks_at or not self.rows(HAS_FAILED):
                return
            self._ticks_at = time.monotonic() + TICK_SECONDS
        # The broker may be dead just now.
        with contextlib.suppress(OperationalError):
            self.broker.send_task("integrations.sweep_outbox")

    def unfinished(self) -> tuple[int, ...]:
        """Count claims, payments, refunds, jobs and events that are not at rest."""
        return tuple(self.rows(UNFINISHED)[0])

    def wait_until_idle(self, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until no task waits or runs; what a dead worker took with it does not count."""
        deadline = time.monotonic() + seconds
        queue = redis.Redis.from_url(self.live.environment["CELERY_BROKER_URL"])
        inspect = self.broker.control.inspect(
            destination=[self.live.worker_name], timeout=20, limit=1
        )
        while time.monotonic() < deadline:
            # In this order: a task goes from the queue to reserved to active.
            if queue.llen("celery") == 0 and not any(
                answer is None or answer[self.live.worker_name]
                for answer in (inspect.reserved(), inspect.active())
            ):
                return
            time.sleep(0.05)
        raise AssertionError("the worker is not idle:\n" + self.children["worker"].log_end())

    # --- the outside world -------------------------------------------------------------------

    def turn(self, path: str, **body: Any) -> Any:
        """Turn one of the sandbox's knobs."""
        answer = self.sandbox.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def fail(self, action: str, *, times: int = 1, ms: int | None = None, **match: str) -> None:
        """Let the next matching requests to the sandbox go wrong."""
        wish: dict[str, Any] = {"action": action, "times": times, "match": match}
        self.turn("faults", **wish, **({} if ms is None else {"ms": ms}))

    def heal(self) -> None:
        """Let the outside world behave again."""
        self.revive()
        self.sandbox.delete("/_sandbox/faults")
        self.turn("webhooks", duplicate=0, shuffle=False, paused=False, drop=0)

    def ledger(self) -> Any:
        """Read what the outside systems hold."""
        return self.sandbox.get("/_sandbox/ledger").json()

    # --- times to book -----------------------------------------------------------------------

    def next_slot(self) -> str:
        """Give a time for a remote session that no other test has."""
        with self._choosing:
            if self._slots is None:
                self._slots = self._remote_slots()
            return next(self._slots)

    def free_starts(self, *, slug: str, first_day: str, zip_code: str | None = None) -> list[str]:
        """Give the starts on offer from a day on, for a fortnight."""
        params = {"serviceId": slug, "date": first_day, "days": "14"}
        answer = self.http.get(
            "/api/v2/availability", params=params | ({"zip": zip_code} if zip_code else {})
        )
        assert answer.status_code == 200, answer.text
        return [slot["startTime"] for slot in answer.json()["slots"]]

    def _remote_slots(self) -> Iterator[str]:
        days = self.rows(
            "SELECT to_char(current_date + day, 'YYYY-MM-DD') FROM generate_series(2, 72, 14) day"
        )
        for (day,) in days:
            yield from self.free_starts(slug="ron", first_day=day)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Dead, and its parent has not asked about it yet.
    return state != "Z"


def _database_url(name: str) -> str:
    """Name another database on the server of the test session; its sessions bear our name."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name}", query=f"application_name={name}"))


@contextlib.contextmanager
def running_site(
    *,
    folder: Path,
    guard: Guard,
    name: str = "faults",
    off: str = ALL_BUT_MAIL,
    redis_base: str = "",
) -> Iterator[Site]:
    """Make a database, fill it as a developer's, start everything; take it all away at the end.

    `off` are the outside systems it does not use; each `name` has a database and two of a Redis's
    databases of its own. `redis_base` is the address of another Redis than the test session's.
    """
    first = REDIS_DATABASES[name]
    name = f"{name}_{WORKER}"
    points = folder / "crashpoints"
    points.mkdir()
    base = first + 2 * NUMBER
    redis_base = redis_base or os.environ["REDIS_URL"].rpartition("/")[0]
    port, sandbox_port = quiet_port(), quiet_port()
    live = LiveProcesses(
        folder=folder,
        environment={
            "DJANGO_SETTINGS_MODULE": "hmnp.settings.live_test",
            "DATABASE_URL": _database_url(name),
            "REDIS_URL": f"{redis_base}/{base}",
            "CELERY_BROKER_URL": f"{redis_base}/{base + 1}",
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
            "CRASHPOINT": str(points),
            "INTEGRATIONS_OFF": off,
            "GOOGLE_SERVICE_ACCOUNT_FILE": str(folder / GOOGLE_FILE),
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
            yield from _run(live, points)
        finally:
            live.stop()
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _run(live: LiveProcesses, points: Path) -> Iterator[Site]:
    prepare = live._start(
        "prepare", python_module("hmnp.dev.prepare", str(live.folder / "logins.txt"))
    )
    assert prepare.process.wait(timeout=120) == 0, prepare.log_end()
    owner = live.environment["DATABASE_URL"]
    live.environment = as_the_site({**os.environ, **live.environment})
    with (
        psycopg.connect(owner, autocommit=True) as database,
        httpx.Client(base_url=live.base_url, timeout=40, limits=_LIMITS) as http,
        httpx.Client(base_url=live.sandbox_url, timeout=40, limits=_LIMITS) as sandbox,
    ):
        database.execute(_MORE_REMOTE_NOTARIES)
        site = Site(
            live=live,
            database=database,
            broker=celery_client(broker=live.environment["CELERY_BROKER_URL"]),
            points=points,
            http=http,
            sandbox=sandbox,
        )
        site.start("sandbox", "web", "worker")
        yield site
        site.broker.close()


# Every client keeps a connection, so that none waits for another's.
_LIMITS = httpx.Limits(max_connections=80, max_keepalive_connections=80)

# Remote sessions have four notaries of their own, with room for every test's; mobile ones two.
_MORE_REMOTE_NOTARIES = """
    DELETE FROM bookings_notary_skills s USING bookings_notary n, services_service v
        WHERE n.id = s.notary_id AND n.email = 'james.whitfield@example.com'
          AND v.id = s.service_id AND v.slug = 'ron';
    UPDATE bookings_notary SET daily_capacity = 5000 WHERE email = 'priya.raman@example.com';
    INSERT INTO bookings_notary SELECT (made.new).* FROM (
        SELECT jsonb_populate_record(old, jsonb_build_object(
            'id', nextval(pg_get_serial_sequence('bookings_notary', 'id')), 'name', 'Remote ' || n,
            'email', 'remote' || n || '@example.com', 'phone', '', 'feed_secret', 'faults-' || n
        )) AS new
        FROM bookings_notary AS old, generate_series(1, 3) n
        WHERE old.email = 'priya.raman@example.com') AS made;
    INSERT INTO bookings_notaryhours (notary_id, weekday, opens_minute, closes_minute)
        SELECT new.id, weekday, opens_minute, closes_minute
        FROM bookings_notary new, bookings_notaryhours h
        JOIN bookings_notary old ON old.id = h.notary_id
        WHERE new.email LIKE 'remote%' AND old.email = 'priya.raman@example.com';
    INSERT INTO bookings_notary_skills (notary_id, service_id)
        SELECT new.id, s.service_id
        FROM bookings_notary new, bookings_notary_skills s
        JOIN bookings_notary old ON old.id = s.notary_id
        WHERE new.email LIKE 'remote%' AND old.email = 'priya.raman@example.com';
"""


@pytest.fixture(scope="session")
def _faults_site(tmp_path_factory: pytest.TempPathFactory, process_guard: Guard) -> Iterator[Site]:
    with running_site(folder=tmp_path_factory.mktemp("faults"), guard=process_guard) as site:
        yield site


@pytest.fixture
def site(_faults_site: Site) -> Iterator[Site]:
    """A running site at rest, with clean rows; afterwards it must have surprised nobody."""
    _faults_site.disarm()
    _faults_site.surprises.clear()
    _faults_site.heal()
    yield _faults_site
    _faults_site.disarm()


def rested(site: Site) -> None:
    """Assert that a site at rest breaks no invariant and surprised no client."""
    found: Sequence[str] = [*site.breaches(), *site.surprises]
    assert not found, "\n".join(found)
