"""A test run has servers of its own, and leaves nothing behind even when it is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hmnp.dev.ports import LOOPBACK, port_is_taken
from hmnp.dev.state import CHECKOUT

SERVERS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
LOOK = """
import os, sys
from pathlib import Path
import psycopg, redis

def test_the_servers_are_there():
    psycopg.connect(os.environ["DATABASE_URL"]).execute("select 1")
    assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
    assert os.environ["REDIS_URL"] != os.environ["CELERY_BROKER_URL"]
    Path("seen").write_text(os.environ["EMBEDDED_POSTGRES_LOG"] + " " + os.environ["DATABASE_URL"])
"""
DIE = LOOK + "    import signal; os.kill(os.getpid(), signal.SIGKILL)\n"


def _run(folder: Path, test: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_servers.py").write_text(test)
    dropped = (*SERVERS, "PYTEST_XDIST_WORKER")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "hmnp.dev.pytest_embedded"],
        env=kept
        | {"PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def _seen(folder: Path) -> tuple[Path, int]:
    log, _, database = (folder / "seen").read_text().partition(" ")
    return Path(log).parent, int(database.rpartition(":")[2].partition("/")[0])


@pytest.mark.night
def test_a_run_has_its_own_servers_and_removes_them(tmp_path: Path) -> None:
    done = _run(tmp_path, LOOK)
    assert done.returncode == 0, done.stdout + done.stderr
    state, port = _seen(tmp_path)
    assert not state.exists()
    assert not port_is_taken(port)


@pytest.mark.night
def test_a_killed_run_takes_its_servers_along_and_the_next_clears_up(tmp_path: Path) -> None:
    killed = _run(tmp_path, DIE)
    assert killed.returncode == -signal.SIGKILL
    state, port = _seen(tmp_path)
    deadline = time.monotonic() + 30
    while port_is_taken(port):
        assert time.monotonic() < deadline, f"a server still listens at {LOOPBACK}:{port}"
        time.sleep(0.1)
    # Another run of this machine may already have cleared up.
    next_one = _run(tmp_path, LOOK)
    assert next_one.returncode == 0, next_one.stdout
    assert not state.exists()


@pytest.mark.night
def test_servers_given_from_outside_are_used(tmp_path: Path) -> None:
    given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    look = LOOK.replace('os.environ["EMBEDDED_POSTGRES_LOG"] + " " + ', "")
    done = _run(tmp_path, look, **given)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "seen").read_text() == os.environ["DATABASE_URL"]


def test_just_one_given_server_is_refused(tmp_path: Path) -> None:
    done = _run(tmp_path, LOOK, DATABASE_URL=os.environ["DATABASE_URL"])
    assert done.returncode != 0
    assert "REDIS_URL is not" in done.stdout + done.stderr


def test_asking_for_help_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--help")
    done = _run(tmp_path, LOOK)
    assert done.returncode == 0
    assert not (tmp_path / "seen").exists()
