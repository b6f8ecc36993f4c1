"""Real processes over a test database: web, worker and sandbox, to start and kill at will."""

from dataclasses import dataclass, field
from pathlib import Path

from hmnp.dev.guard import Guard
from hmnp.dev.ports import LOOPBACK
from hmnp.dev.processes import (
    ManagedProcess,
    python_module,
    start_process,
    stop_all,
    wait_for_url,
)
from hmnp.dev.site import sandbox_command, wait_for_worker, web_command, worker_command


@dataclass(slots=True)
class LiveProcesses:
    """Start what a test needs; everything still running is stopped at its end.

    environment names the servers (DATABASE_URL, REDIS_URL, …) and the settings module.
    """

    folder: Path
    environment: dict[str, str]
    port: int
    sandbox_port: int
    guard: Guard
    started: list[ManagedProcess] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """Address of the web server."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Address of the sandbox."""
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    def start_web(self, *, workers: int = 2, threads: int = 1) -> ManagedProcess:
        """Serve the site with granian and wait until it is ready; threads are each worker's."""
        child = self._start("web", web_command(port=self.port, workers=workers, threads=threads))
        wait_for_url(url=f"{self.base_url}/readyz", child=child)
        return child

    @property
    def worker_name(self) -> str:
        """What Celery calls the worker."""
        return f"hmnp-{self.port}@{LOOPBACK}"

    def start_worker(self, *, has_beat: bool = True, concurrency: int = 1) -> ManagedProcess:
        """Work on jobs and, with beat, on the schedule; wait until the worker answers."""
        name = self.worker_name
        command = worker_command(name=name, concurrency=concurrency)
        if has_beat:
            command += ["--beat", "--schedule", str(self.folder / "celerybeat-schedule")]
        child = self._start("worker", command)
        wait_for_worker(child=child, name=name, broker=self.environment["CELERY_BROKER_URL"])
        return child

    def start_sandbox(self) -> ManagedProcess:
        """Play the outside world; a ledger left in the folder is taken up again."""
        command = sandbox_command(
            port=self.sandbox_port, web_port=self.port, data=self.folder / "sandbox.sqlite3"
        )
        child = self._start("sandbox", command)
        wait_for_url(url=f"{self.sandbox_url}/healthz", child=child)
        return child

    def run_manage(self, *arguments: str) -> ManagedProcess:
        """Start a management command; wait for its end with `.process.wait()`."""
        return self._start(arguments[0], python_module("django", *arguments))

    def stop(self) -> None:
        """Stop everything that was started here."""
        stop_all(self.started, grace_seconds=5)
        self.started.clear()

    def _start(self, name: str, command: list[str]) -> ManagedProcess:
        child = start_process(
            name=name,
            command=command,
            log=self.folder / f"{name}.log",
            # Not measured: traced, the site would take half as long again, for lines that tests
            # of their own count.
            environment={**self.environment, "COVERAGE_PROCESS_CONFIG": ""},
            guard=self.guard,
        )
        self.started.append(child)
        return child
