"""Start a server, wait until it answers, end it with everything it started."""

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hmnp.dev.guard import Guard, end_groups
from hmnp.dev.state import CHECKOUT

# A proxy named in the environment has no business between two programs on loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ProcessFailedError(RuntimeError):
    """A server ended or did not answer in time; the text names it and ends with its log."""


@dataclass(slots=True)
class ManagedProcess:
    """A child that leads its own process group and writes to its own log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    guard: Guard | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether the child is gone."""
        return self.process.poll() is not None

    def log_end(self, *, lines: int = 25) -> str:
        """Read the last lines of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def failure(self, what: str) -> ProcessFailedError:
        """Describe what went wrong with it, log included."""
        return ProcessFailedError(f"{self.name} {what}; the end of {self.log}:\n{self.log_end()}")

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """End it and its children: TERM, then KILL after the grace time."""
        stop_all([self], grace_seconds=grace_seconds)

    def kill(self) -> None:
        """Kill it and its children without warning, as a crash would."""
        end_groups_now({self.process.pid})
        self.process.wait()
        if self.guard is not None:
            self.guard.forget(self.process.pid)


def start_process(
    *,
    name: str,
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    guard: Guard | None = None,
    cwd: Path = CHECKOUT,
) -> ManagedProcess:
    """Start a server in its own process group, its output going to the log.

    environment is put on top of ours. A guard ends the group should we be killed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    if guard is not None:
        guard.watch(process.pid)
    return ManagedProcess(name=name, process=process, log=log, guard=guard)


def stop_all(children: Iterable[ManagedProcess], *, grace_seconds: float = 10.0) -> None:
    """End all of these process groups at the same time: TERM, then KILL."""
    running = list(children)
    groups = {child.process.pid for child in running}
    deadline = time.monotonic() + grace_seconds
    for group in groups:
        _signal_group(group, signal.SIGTERM)
    while time.monotonic() < deadline and any(not child.has_ended for child in running):
        time.sleep(0.03)
    # Whoever outlived its leader had the same grace time.
    end_groups(groups, grace_seconds=max(0.5, deadline - time.monotonic()))
    for child in running:
        child.process.wait()
        if child.guard is not None:
            child.guard.forget(child.process.pid)


def end_groups_now(groups: set[int]) -> None:
    """Kill these process groups."""
    for group in groups:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, which: signal.Signals) -> None:
    try:
        os.killpg(group, which)
    except (ProcessLookupError, PermissionError):
        return


def http_status(url: str, *, timeout_seconds: float = 3.0) -> int | None:
    """Ask for a page on loopback; give the status, or None where nobody answers."""
    try:
        with _opener.open(url, timeout=timeout_seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return int(refusal.code)
    except (OSError, http.client.HTTPException):
        return None


def wait_for_url(*, url: str, child: ManagedProcess, timeout_seconds: float = 60.0) -> None:
    """Wait until the page answers 200.

    Raises ProcessFailedError when the child ends or the time is over.
    """
    deadline = time.monotonic() + timeout_seconds
    status: int | None = None
    while time.monotonic() < deadline:
        if child.has_ended:
            raise child.failure(f"ended with code {child.process.returncode}")
        status = http_status(url)
        if status == 200:
            return
        time.sleep(0.05)
    raise child.failure(f"did not answer 200 at {url} within {timeout_seconds:.0f} s ({status})")


def python_module(*arguments: str) -> list[str]:
    """Give the command that runs a module with the Python we run on."""
    return [sys.executable, "-m", *arguments]
