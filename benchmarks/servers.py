"""The servers that are measured: PostgreSQL and Redis as on a desk, and granian as in production.

Everything lives in a folder that is deleted at the end. The settings are the real ones; only how
often one caller may ask is raised, by environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from hmnp.dev.embedded import Lease, acquire, as_the_site, sweep_abandoned
from hmnp.dev.guard import Guard
from hmnp.dev.ports import LOOPBACK, quiet_port
from hmnp.dev.processes import (
    ManagedProcess,
    ProcessFailedError,
    python_module,
    start_process,
    stop_all,
    wait_for_url,
)
from hmnp.dev.site import (
    WEB_THREADS,
    beat_command,
    sandbox_command,
    wait_for_worker,
    web_command,
    worker_command,
)
from hmnp.dev.state import CHECKOUT, GOOGLE_FILE, temporary_state_dir

_PREFIX = "hmnp-bench-"
_LIMITED = ("BOOKING", "PRICING", "AVAILABILITY", "HOLD", "INTENT", "CONFIRM", "LOGIN")
# Counted as ever, and never reached.
_RAISED = {f"RATE_LIMIT_{name}": "10000000/m" for name in _LIMITED}
_PREPARE_SECONDS = 300


@dataclass
class Servers:
    """A database server, a Redis, and whatever was started on them."""

    folder: Path
    lease: Lease
    guard: Guard
    # Of each granian worker, of which there are two.
    threads: int = WEB_THREADS
    children: list[ManagedProcess] = field(default_factory=list)

    def database(self, name: str) -> str:
        """Make a database; give its address."""
        with psycopg.connect(self.lease.database_url, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
        parts = urlsplit(self.lease.database_url)
        return urlunsplit(parts._replace(path=f"/{name}"))

    def site_environment(self, *, database_url: str, redis_number: int = 0) -> dict[str, str]:
        """Give the environment of our site on this database, with ports of its own."""
        base = self.lease.redis_url.rpartition("/")[0]
        port, sandbox_port = quiet_port(), quiet_port()
        return {
            **self.lease.environment(),
            "DJANGO_SETTINGS_MODULE": "hmnp.settings.local",
            "DATABASE_URL": database_url,
            "REDIS_URL": f"{base}/{redis_number}",
            "CELERY_BROKER_URL": f"{base}/{redis_number + 1}",
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
            "GOOGLE_SERVICE_ACCOUNT_FILE": str(self.folder / GOOGLE_FILE),
            "DOCUMENTS_ROOT": str(self.folder / "documents"),
            # Every request may say whom it comes for, as behind a proxy.
            "TRUSTED_PROXIES": "127.0.0.1",
            "HOLDS_PER_ADDRESS": "40",
            **_RAISED,
        }

    def prepare(self, environment: dict[str, str]) -> None:
        """Migrate the database and load catalogue and demonstration."""
        self.run(
            "prepare",
            python_module("hmnp.dev.prepare", str(self.folder / "logins.txt")),
            environment,
        )

    def run(self, name: str, command: list[str], environment: dict[str, str]) -> str:
        """Run a command to its end; give what it said. Raises ProcessFailedError."""
        log = self.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        child = self.start(name, command, environment)
        code = child.process.wait(timeout=_PREPARE_SECONDS * 4)
        self.children.remove(child)
        self.guard.forget(child.process.pid)
        if code != 0:
            raise ProcessFailedError(f"{name} ended with code {code}:\n{child.log_end()}")
        return log.read_text("utf-8")

    def web(self, environment: dict[str, str], *, name: str = "web") -> ManagedProcess:
        """Serve our site as in production."""
        port = int(environment["PORT"])
        command = web_command(port=port, threads=self.threads)
        child = self.start(name, command, as_the_site(environment))
        wait_for_url(url=f"http://{LOOPBACK}:{port}/readyz", child=child)
        return child

    def worker(self, environment: dict[str, str], *, name: str) -> ManagedProcess:
        """Work on jobs as soon as it answers."""
        full_name = f"{name}@{LOOPBACK}"
        command = worker_command(name=full_name, concurrency=2)
        child = self.start(name, command, as_the_site(environment))
        wait_for_worker(child=child, name=full_name, broker=environment["CELERY_BROKER_URL"])
        return child

    def beat(self, environment: dict[str, str]) -> ManagedProcess:
        """Ring by the clock."""
        schedule = self.folder / "celerybeat-schedule"
        return self.start("beat", beat_command(schedule=schedule), as_the_site(environment))

    def sandbox(self, environment: dict[str, str], *, name: str = "sandbox") -> ManagedProcess:
        """Play the outside world for our site."""
        port = int(environment["SANDBOX_PORT"])
        command = sandbox_command(
            port=port, web_port=int(environment["PORT"]), data=self.folder / "sandbox.sqlite3"
        )
        child = self.start(name, command, environment)
        wait_for_url(url=f"http://{LOOPBACK}:{port}/healthz", child=child)
        return child

    def floors(self, database_url: str) -> int:
        """Serve the floors with the same granian; give the port."""
        port = quiet_port()
        environment = {
            "DJANGO_SETTINGS_MODULE": "benchmarks.floors.settings",
            "FLOOR_DATABASE_URL": database_url,
        }
        command = python_module("django", "migrate", "--run-syncdb", "--verbosity", "0")
        self.run("floors-tables", command, environment)
        serve = [
            *web_command(port=port, threads=self.threads)[:-1],
            "benchmarks.floors.wsgi:application",
        ]
        child = self.start("floors", serve, environment)
        wait_for_url(url=f"http://{LOOPBACK}:{port}/hello", child=child)
        return port

    def stop(self) -> None:
        """Stop what was started here."""
        stop_all(self.children, grace_seconds=5)
        self.children.clear()

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> ManagedProcess:
        """Start something of a name of its own; it is stopped at the end."""
        child = start_process(
            name=name,
            command=command,
            log=self.folder / f"{name}.log",
            environment={**environment, "PYTHONPATH": str(CHECKOUT)},
            guard=self.guard,
        )
        self.children.append(child)
        return child


@contextmanager
def servers() -> Iterator[Servers]:
    """Start the database server and Redis; stop them and delete their data at the end.

    The database writes to the disk as in production (`fsync`).
    """
    state = temporary_state_dir(prefix=_PREFIX)
    for folder in sweep_abandoned(parent=state.parent, prefix=_PREFIX):
        print(f"removed the servers of a killed measurement: {folder}")
    # Told to end, clean up as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lease = acquire(state=state)
    guard = Guard()
    for group in lease.process_groups():
        guard.watch(group)
    folder = state / "bench"
    folder.mkdir()
    running = Servers(folder=folder, lease=lease, guard=guard)
    os.environ.pop("DATABASE_URL", None)
    try:
        yield running
    finally:
        running.stop()
        lease.release()
        guard.close()
        shutil.rmtree(state, ignore_errors=True)


def partner_key(running: Servers, environment: dict[str, str]) -> str:
    """Make a key of the demonstration's partner for reading and booking."""
    command = [
        sys.executable,
        "manage.py",
        "create_partner_key",
        "--partner",
        "Bayou Title Company",
    ]
    command += ["--scopes", "bookings:write,bookings:read", "--name", "benchmarks"]
    return running.run("partner-key", command, environment).splitlines()[-1].strip()
