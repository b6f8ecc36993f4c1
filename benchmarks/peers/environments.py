"""A peer's own environment: its packages, its commands, its gunicorn."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import Servers
from hmnp.dev.ports import LOOPBACK, quiet_port
from hmnp.dev.processes import http_status

# As many as granian has.
_WORKERS = 2
_BOOT_SECONDS = 180.0


@dataclass(frozen=True)
class Peer:
    """A booking system in an environment of its own, and the variables it runs with."""

    folder: Path
    running: Servers
    environment: dict[str, str]

    @property
    def python(self) -> str:
        """Its Python."""
        return str(self.folder / "bin" / "python")

    def run(self, name: str, *arguments: str) -> str:
        """Run its Python to the end; give what it said. Raises ProcessFailedError."""
        return self.running.run(name, [self.python, *arguments], self.environment)

    def serve(self, application: str, *, path: str) -> int:
        """Serve it with gunicorn's sync workers; give the port once it answers at this path.

        Raises ProcessFailedError when it ends, or answers nothing within three minutes.
        """
        port = quiet_port()
        command = [self.python, "-m", "gunicorn", "--workers", str(_WORKERS), "--timeout", "120"]
        command += ["--log-level", "warning", "--bind", f"{LOOPBACK}:{port}", application]
        child = self.running.start(f"{self.folder.name}-web", command, self.environment)
        deadline = time.monotonic() + _BOOT_SECONDS
        while http_status(f"http://{LOOPBACK}:{port}{path}", timeout_seconds=20) != 200:
            if child.has_ended or time.monotonic() > deadline:
                raise child.failure(f"does not answer 200 at {path}")
            time.sleep(0.2)
        return port


def install(running: Servers, folder: Path, packages: tuple[str, ...]) -> None:
    """Make an environment with these packages, unless it is there from another run.

    Raises ProcessFailedError where they cannot be had: no package index, or no wheel.
    """
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text("utf-8") == " ".join(packages):
        return
    print(f"installing {packages[0]} into {folder}", flush=True)
    running.run(f"{folder.name}-venv", [sys.executable, "-m", "venv", str(folder)], {})
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    running.run(f"{folder.name}-pip", [*pip, "install", "--quiet", *packages], {})
    stamp.write_text(" ".join(packages), "utf-8")
