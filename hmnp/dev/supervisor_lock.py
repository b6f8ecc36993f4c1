"""One running site a checkout: who runs it, and at which ports."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from hmnp.dev.filelocks import FileLock, try_lock


@dataclass(frozen=True, slots=True)
class RunningSite:
    """What the supervisor of a running site writes down about itself."""

    pid: int
    port: int
    sandbox_port: int


def take(*, state: Path, site: RunningSite) -> FileLock | None:
    """Become the supervisor of this checkout, or answer None when there is one."""
    lock = try_lock(path=state / "supervisor.lock")
    if lock is not None:
        (state / "supervisor.json").write_text(json.dumps(asdict(site)), "utf-8")
    return lock


def running_site(*, state: Path) -> RunningSite | None:
    """Find the running site; a file left by a killed supervisor does not count."""
    lock = try_lock(path=state / "supervisor.lock")
    if lock is not None:
        lock.release()
        return None
    try:
        return RunningSite(**json.loads((state / "supervisor.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def stop_running_site(*, state: Path, timeout_seconds: float = 60.0) -> bool:
    """Ask the running site's supervisor to stop and wait for it; False when it does not."""
    deadline = time.monotonic() + timeout_seconds
    asked = None
    while (site := running_site(state=state)) is not None:
        if asked != site.pid:
            os.kill(site.pid, signal.SIGTERM)
            asked = site.pid
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
