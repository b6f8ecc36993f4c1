"""The whole site on this machine: servers, sandbox, web, worker and beat, as one thing."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from celery import Celery
from kombu.exceptions import OperationalError

from hmnp.dev.embedded import Lease, acquire, are_outside_servers_given, as_the_site
from hmnp.dev.filelocks import try_lock
from hmnp.dev.guard import Guard
from hmnp.dev.ports import LOOPBACK
from hmnp.dev.processes import (
    ManagedProcess,
    ProcessFailedError,
    python_module,
    start_process,
    stop_all,
    wait_for_url,
)
from hmnp.dev.state import CHECKOUT, GOOGLE_FILE

# Held by the guard of a running or killed site until its last process has ended.
LEFTOVERS_LOCK = "guard.lock"
PREPARE_SECONDS = 180.0
READY_SECONDS = 90.0
# As in the Procfile: a payment waits for Stripe inside its request, and others need not wait too.
WEB_THREADS = 4

Say = Callable[[str], None]


@dataclass(slots=True)
class Site:
    """Everything `make run` starts. Start it once, stop it once."""

    state: Path
    port: int
    sandbox_port: int
    say: Say
    children: list[ManagedProcess] = field(default_factory=list)
    demo_logins: str = ""
    _lease: Lease | None = None
    _guard: Guard | None = None

    @property
    def base_url(self) -> str:
        """Address of the web server."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Address of the sandbox."""
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    @property
    def logs(self) -> Path:
        """Folder with one log a process."""
        return self.state / "logs"

    def start(self) -> None:
        """Start everything and wait until all of it answers.

        Raises ProcessFailedError or EmbeddedServerError; stop() cleans up either way.
        """
        self._guard = Guard(lock=try_lock(path=self.state / LEFTOVERS_LOCK))
        environment = self._environment()
        sandbox = self._start(
            "sandbox",
            sandbox_command(
                port=self.sandbox_port,
                web_port=self.port,
                data=self.state / "sandbox.sqlite3",
            ),
            environment,
        )
        self._prepare(environment)
        environment = as_the_site(environment)
        self.say("starting web, worker and beat")
        web = self._start("web", web_command(port=self.port), environment)
        worker_name = f"hmnp-{self.port}@{LOOPBACK}"
        worker = self._start("worker", worker_command(name=worker_name), environment)
        beat = self._start(
            "beat", beat_command(schedule=self.state / "celerybeat-schedule"), environment
        )
        self.say(f"waiting for the sandbox at {self.sandbox_url}/healthz")
        wait_for_url(url=f"{self.sandbox_url}/healthz", child=sandbox)
        self.say(f"waiting for the site at {self.base_url}/readyz")
        wait_for_url(url=f"{self.base_url}/readyz", child=web, timeout_seconds=READY_SECONDS)
        self.say("waiting for the worker's answer")
        wait_for_worker(child=worker, name=worker_name, broker=environment["CELERY_BROKER_URL"])
        _wait_for_log(beat, text="beat started")

    def ended_child(self) -> ManagedProcess | None:
        """Find a child that has ended by itself."""
        return next((child for child in self.children if child.has_ended), None)

    def stop(self) -> None:
        """Stop the children, then the servers they use; nothing is left running."""
        if self.children:
            self.say("stopping " + ", ".join(child.name for child in self.children))
            stop_all(self.children)
        if self._lease is not None:
            self.say("stopping PostgreSQL and Redis")
            self._lease.release()
            self._lease = None
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _environment(self) -> dict[str, str]:
        environment = {
            "DJANGO_SETTINGS_MODULE": "hmnp.settings.local",
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "GOOGLE_SERVICE_ACCOUNT_FILE": os.environ.get("GOOGLE_SERVICE_ACCOUNT_FILE")
            or str(self.state / GOOGLE_FILE),
            "PYTHONPATH": str(CHECKOUT),
        }
        if are_outside_servers_given(environment=os.environ):
            self.say("PostgreSQL and Redis: as given by DATABASE_URL and REDIS_URL")
            environment["CELERY_BROKER_URL"] = (
                os.environ.get("CELERY_BROKER_URL") or os.environ["REDIS_URL"]
            )
        else:
            self._lease = acquire(state=self.state, say=self.say)
            environment |= self._lease.environment()
        return environment

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> ManagedProcess:
        log = self.logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        child = start_process(
            name=name, command=command, log=log, environment=environment, guard=self._guard
        )
        self.children.append(child)
        return child

    def _prepare(self, environment: dict[str, str]) -> None:
        """Migrate and load, passing on what the program says as it says it."""
        logins = self.state / "demo-logins.txt"
        logins.unlink(missing_ok=True)
        command = python_module("hmnp.dev.prepare", str(logins))
        child = self._start("prepare", command, environment)
        deadline = time.monotonic() + PREPARE_SECONDS
        with child.log.open(encoding="utf-8", errors="replace") as said:
            while not child.has_ended and time.monotonic() < deadline:
                self._pass_on(said)
                time.sleep(0.05)
            self._pass_on(said)
        if not child.has_ended:
            raise child.failure(f"was not done within {PREPARE_SECONDS:.0f} s")
        self.children.remove(child)
        if self._guard is not None:
            self._guard.forget(child.process.pid)
        if child.process.returncode != 0:
            raise ProcessFailedError(f"prepare ended with code {child.process.returncode}")
        self.demo_logins = logins.read_text("utf-8")

    def _pass_on(self, said: TextIO) -> None:
        while line := said.readline():
            if line.strip():
                self.say(f"  {line.rstrip()}")


def sandbox_command(*, port: int, web_port: int, data: Path) -> list[str]:
    """Give the command that plays the outside world; its webhooks go to the web port."""
    webhooks = f"http://{LOOPBACK}:{web_port}/api/v2/webhooks/stripe"
    command = python_module("sandbox", "--port", str(port), "--data", str(data))
    command += ["--google-service-account", str(data.with_name(GOOGLE_FILE))]
    return [*command, "--webhook-url", webhooks]


def worker_command(*, name: str, concurrency: int = 4) -> list[str]:
    """Give the command of a Celery worker of this name."""
    command = python_module("celery", "-A", "hmnp", "worker", "--hostname", name)
    command += ["--concurrency", str(concurrency), "--loglevel", "INFO"]
    # Talk between workers that one alone has no use for; each costs a second of start.
    return [*command, "--without-gossip", "--without-mingle"]


def beat_command(*, schedule: Path) -> list[str]:
    """Give the command of Celery's clock; the file remembers what ran when."""
    command = python_module("celery", "-A", "hmnp", "beat", "--schedule", str(schedule))
    return [*command, "--loglevel", "INFO"]


def web_command(*, port: int, workers: int = 2, threads: int = WEB_THREADS) -> list[str]:
    """Give the command that serves the site, the same as in production but for the port."""
    return python_module(
        "granian",
        "--interface",
        "wsgi",
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--workers",
        str(workers),
        "--blocking-threads",
        str(threads),
        "--no-ws",
        "--respawn-failed-workers",
        "hmnp.wsgi:application",
    )


def wait_for_worker(*, child: ManagedProcess, name: str, broker: str) -> None:
    """Ping the worker until it answers.

    Raises ProcessFailedError when it ends, cannot reach its broker or does not answer in time.
    """
    client = celery_client(broker=broker)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if child.has_ended:
            raise child.failure(f"ended with code {child.process.returncode}")
        try:
            if client.control.ping(destination=[name], timeout=0.3):
                client.close()
                return
        except OperationalError as problem:
            raise child.failure(f"cannot reach its broker ({problem})") from problem
    raise child.failure(f"did not answer a ping within {READY_SECONDS:.0f} s")


def celery_client(*, broker: str) -> Celery:
    """Give a client of this broker, whichever one the environment names."""
    client = Celery("client", set_as_current=False)
    # A CELERY_BROKER_URL in the environment outranks the plain setting.
    client.conf.update(broker_read_url=broker, broker_write_url=broker)
    return client


def _wait_for_log(child: ManagedProcess, *, text: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while text not in child.log.read_text("utf-8", "replace"):
        if child.has_ended:
            raise child.failure(f"ended with code {child.process.returncode}")
        if time.monotonic() > deadline:
            raise child.failure(f"did not say {text!r} within {READY_SECONDS:.0f} s")
        time.sleep(0.05)


def run_command(command: list[str], *, site_environment: dict[str, str]) -> int:
    """Run a command in the foreground with the site's ports in its environment."""
    try:
        return subprocess.run(
            command, env={**os.environ, **site_environment}, cwd=CHECKOUT, check=False
        ).returncode
    except OSError as problem:
        raise ProcessFailedError(f"{command[0]} cannot be run: {problem}") from problem
