"""`make run` on this machine: it comes up, is shared, stops without a trace and survives kills."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hmnp.dev.embedded import acquire
from hmnp.dev.ports import LOOPBACK
from hmnp.dev.processes import http_status
from hmnp.dev.state import temporary_state_dir
from hmnp.dev.supervisor_lock import running_site

from .checkout import Checkout, copy_of_this_checkout

pytestmark = [pytest.mark.runtime, pytest.mark.slow]

DOWN_SECONDS = 25.0


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A private checkout: other users cannot enter its parent, as in root's home."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    copy = copy_of_this_checkout(private / "checkout")
    yield copy
    copy.clean_up()


def _wait_until_up(run: subprocess.Popen[str]) -> str:
    """Read what make says until everything answers."""
    assert run.stdout is not None
    said = ""
    line: str
    for line in run.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            return said
    raise AssertionError(f"make run ended before everything answered:\n{said}")


def _end(run: subprocess.Popen[str], which: signal.Signals) -> int:
    os.killpg(run.pid, which)
    try:
        run.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        # With PYTHONFAULTHANDLER each process says where it stands before it dies.
        os.killpg(run.pid, signal.SIGABRT)
        raise AssertionError(f"it did not stop:\n{run.communicate()[0]}") from None
    return run.returncode


def _is_ready(checkout: Checkout) -> bool:
    """Ask again for a while: other tests keep this machine's cores busy."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if http_status(f"http://{LOOPBACK}:{checkout.port}/readyz") == 200:
            return True
        time.sleep(0.2)
    return False


def _demonstrate(checkout: Checkout) -> None:
    demo = checkout.make("demo")
    shown = demo.communicate(timeout=120)[0]
    assert demo.returncode == 0, shown


def test_it_comes_up_is_shared_and_leaves_nothing_behind(checkout: Checkout) -> None:
    run = checkout.make("run")
    said = _wait_until_up(run)
    assert f"http://127.0.0.1:{checkout.port}/" in said
    assert f"http://127.0.0.1:{checkout.sandbox_port}/" in said
    assert "sk_test_sandbox" in said
    assert _is_ready(checkout)
    assert http_status(f"http://{LOOPBACK}:{checkout.sandbox_port}/healthz") == 200

    # A command in another terminal works on the same data.
    before = {process.pid for process in checkout.processes()}
    users = "from django.contrib.auth.models import User; print(User.objects.count())"
    assert int(checkout.manage("shell", "--no-imports", "-c", users)) >= 1
    assert {process.pid for process in checkout.processes()} == before

    # The demonstration books on the running site.
    _demonstrate(checkout)

    # A second run of the same checkout is refused and disturbs nothing.
    second = checkout.make("run", PORT="1", SANDBOX_PORT="2")
    refused = second.communicate(timeout=60)[0]
    assert second.returncode != 0
    assert f"already runs at http://127.0.0.1:{checkout.port}/" in refused
    assert _is_ready(checkout)

    # Starting over stops a running site and deletes its data.
    reset = checkout.make("reset")
    assert reset.communicate(timeout=90)[0] is not None
    assert reset.returncode == 0
    run.communicate(timeout=30)
    assert not (checkout.state() / "postgres").exists()
    assert checkout.wait_until_gone(seconds=DOWN_SECONDS) == []


@pytest.mark.night
def test_it_stops_when_told_and_the_next_start_is_quick_and_keeps_the_data(
    checkout: Checkout,
) -> None:
    run = checkout.make("run")
    _wait_until_up(run)
    for _ in range(2):
        _demonstrate(checkout)
    make_user = "from django.contrib.auth.models import User; User.objects.create_user('kept')"
    checkout.manage("shell", "--no-imports", "-c", make_user)
    _end(run, signal.SIGTERM)
    assert checkout.wait_until_gone(seconds=DOWN_SECONDS) == []

    started_at = time.monotonic()
    again = checkout.make("run")
    _wait_until_up(again)
    # The promise is 10 s on a quiet machine; other test processes share this one's cores.
    assert time.monotonic() - started_at < 30
    find_user = (
        "from django.contrib.auth.models import User; "
        "print(User.objects.filter(username='kept').count())"
    )
    assert checkout.manage("shell", "--no-imports", "-c", find_user).strip() == "1"
    _end(again, signal.SIGTERM)
    assert checkout.wait_until_gone(seconds=DOWN_SECONDS) == []


@pytest.mark.night
def test_a_killed_supervisor_blocks_nothing_and_a_child_that_dies_is_named(
    checkout: Checkout,
) -> None:
    run = checkout.make("run")
    _wait_until_up(run)
    site = running_site(state=checkout.state())
    assert site is not None
    os.kill(site.pid, signal.SIGKILL)
    run.communicate(timeout=30)
    again = checkout.make("run")
    assert "PostgreSQL: already running" in _wait_until_up(again)
    beats = [
        process
        for process in checkout.processes()
        if "beat" in process.cmdline() and "celery" in process.cmdline()
    ]
    assert len(beats) == 1
    beats[0].kill()
    said = again.communicate(timeout=60)[0]
    assert again.returncode != 0
    assert "beat ended by itself" in said
    assert checkout.wait_until_gone(seconds=DOWN_SECONDS) == []


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_taken_port_is_named_and_nothing_is_started(checkout: Checkout, variable: str) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        run = checkout.make("run", **{variable: str(taken)})
        said = run.communicate(timeout=60)[0]
    assert run.returncode != 0
    assert f"port {taken} ({variable}) is taken" in said
    assert checkout.processes() == []
    assert not (checkout.state() / "postgres").exists()


@pytest.mark.night
def test_the_demonstration_starts_the_site_itself_and_stops_it_after(checkout: Checkout) -> None:
    demo = checkout.make("demo")
    shown = demo.communicate(timeout=240)[0]
    assert demo.returncode == 0, shown
    assert checkout.wait_until_gone(seconds=DOWN_SECONDS) == []


@pytest.mark.night
def test_with_servers_from_outside_none_is_started_here(checkout: Checkout) -> None:
    outside = acquire(state=temporary_state_dir(prefix="hmnp-outside-"), is_throw_away=True)
    run = checkout.make("run", DATABASE_URL=outside.database_url, REDIS_URL=outside.redis_url)
    assert "as given by DATABASE_URL and REDIS_URL" in _wait_until_up(run)
    assert not (checkout.state() / "postgres").exists()
    with psycopg.connect(outside.database_url) as connection:
        found = connection.execute("select count(*) from auth_user").fetchone()
    assert found is not None
    assert found[0] >= 1
    # Ctrl-C ends it like TERM, and leaves what is not its own.
    _end(run, signal.SIGINT)
    assert checkout.wait_until_gone(seconds=DOWN_SECONDS) == []
    outside.release()


@pytest.mark.night
def test_a_command_alone_starts_the_servers_and_stops_them_after(checkout: Checkout) -> None:
    checkout.manage("migrate", "--verbosity", "0")
    query = "from django.contrib.auth.models import User; print(User.objects.count())"
    assert checkout.manage("shell", "--no-imports", "-c", query).strip() == "0"
    assert checkout.processes() == []
