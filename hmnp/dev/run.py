"""`make run`: start the whole site, say how to use it, stop all of it on Ctrl-C or TERM.

With a command behind `--`, run that command against the site instead of waiting; a site that
already runs in this checkout is used.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import environ

from hmnp.dev.filelocks import LockTimeoutError, locked, try_lock
from hmnp.dev.guard import GRACE_SECONDS
from hmnp.dev.ports import LOOPBACK, port_is_taken
from hmnp.dev.processes import ProcessFailedError
from hmnp.dev.site import LEFTOVERS_LOCK, Site, run_command
from hmnp.dev.state import CHECKOUT, EmbeddedServerError, state_dir
from hmnp.dev.supervisor_lock import RunningSite, running_site, take

_started_at = time.monotonic()


class StopRequestedError(BaseException):
    """Ctrl-C, TERM or a closed terminal; a BaseException, so that no handler swallows it."""


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _started_at:5.1f} s] {text}", flush=True)


_stop_requested = threading.Event()


def _request_stop(_signal: int, _frame: FrameType | None) -> None:
    _stop_requested.set()
    for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(handled, signal.SIG_IGN)  # stopping must run to its end
    raise StopRequestedError


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SystemExit(f"{name}={text} is not a port number")
    return int(text)


def _refuse_taken_ports(ports: dict[str, int]) -> None:
    taken = [f"port {port} ({name})" for name, port in ports.items() if port_is_taken(port)]
    if len(set(ports.values())) < len(ports):
        raise SystemExit("PORT and SANDBOX_PORT must differ; nothing was started")
    if taken:
        verb = "is" if len(taken) == 1 else "are"
        raise SystemExit(
            f"{' and '.join(taken)} {verb} taken by another program; nothing was started. "
            "Choose others: make run PORT=8001 SANDBOX_PORT=8101"
        )


def _wait_for_leftovers(state: Path) -> None:
    """Give the processes of a site whose supervisor was killed the time to end."""
    leftovers = state / LEFTOVERS_LOCK
    if (lock := try_lock(path=leftovers)) is not None:
        lock.release()
        return
    _say("waiting for the processes of a killed run to end")
    try:
        with locked(path=leftovers, timeout_seconds=3 * GRACE_SECONDS):
            return
    except LockTimeoutError as problem:
        raise SystemExit(f"processes of a killed run do not end ({problem})") from problem


def _print_addresses(site: Site) -> None:
    lines = [
        "",
        f"  site       {site.base_url}/",
        f"  API        {site.base_url}/api/v2   (docs: {site.base_url}/api/v2/docs)",
        f"  staff      {site.base_url}/admin/",
        f"  sandbox    {site.sandbox_url}/   (keys sk_test_sandbox, pk_test_sandbox)",
        f"  logs       {site.logs}/*.log",
        "",
        *(f"  {line}" for line in site.demo_logins.splitlines()),
        "",
        "Ctrl-C stops everything; the data stay. `make reset` starts over.",
    ]
    print("\n".join(lines), flush=True)


def _wait_for_the_end(site: Site) -> int:
    while (ended := site.ended_child()) is None:
        if _stop_requested.is_set():
            # The exception was raised where Python drops it, in a finaliser.
            raise StopRequestedError
        time.sleep(0.3)
    print(ended.failure(f"ended by itself with code {ended.process.returncode}"), file=sys.stderr)
    return 1


def _run_site(state: Path, *, port: int, sandbox_port: int, command: list[str]) -> int:
    site = Site(state=state, port=port, sandbox_port=sandbox_port, say=_say)
    code = 1
    try:
        site.start()
        if command:
            code = run_command(command, site_environment=_ports(port, sandbox_port))
        else:
            _say("everything answers")
            _print_addresses(site)
            code = _wait_for_the_end(site)
    except StopRequestedError:
        code = 0 if not command else 130
    except (ProcessFailedError, EmbeddedServerError, LockTimeoutError) as problem:
        print(f"{problem}", file=sys.stderr, flush=True)
    finally:
        for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(handled, signal.SIG_IGN)
        site.stop()
        _say("stopped")
    return code


def _ports(port: int, sandbox_port: int) -> dict[str, str]:
    return {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}


def main(arguments: list[str]) -> int:
    """Run the site, or a command against it; give the exit code."""
    environ.Env.read_env(CHECKOUT / ".env")
    command = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    port, sandbox_port = _port("PORT", 8000), _port("SANDBOX_PORT", 8100)
    try:
        state = state_dir()
        me = RunningSite(pid=os.getpid(), port=port, sandbox_port=sandbox_port)
        lock = take(state=state, site=me)
    except EmbeddedServerError as problem:
        raise SystemExit(str(problem)) from problem
    if lock is None:
        return _already_running(running_site(state=state), command=command)
    _wait_for_leftovers(state)
    _refuse_taken_ports({"PORT": port, "SANDBOX_PORT": sandbox_port})
    for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(handled, _request_stop)
    try:
        return _run_site(state, port=port, sandbox_port=sandbox_port, command=command)
    finally:
        lock.release()


def _already_running(found: RunningSite | None, *, command: list[str]) -> int:
    if found is None:
        raise SystemExit("another `make run` of this checkout is just starting or stopping")
    if command:
        return run_command(command, site_environment=_ports(found.port, found.sandbox_port))
    raise SystemExit(
        f"this checkout already runs at http://{LOOPBACK}:{found.port}/ (process {found.pid}); "
        "stop that one first. Nothing was started."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
