"""Started processes end with everything they started, also when their starter is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hmnp.dev.guard import Guard
from hmnp.dev.ports import LOOPBACK, free_port, port_is_taken, quiet_port
from hmnp.dev.processes import (
    ProcessFailedError,
    http_status,
    start_process,
    wait_for_url,
)
from hmnp.dev.state import CHECKOUT

PARENT_AND_CHILD = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(60)"
)


def _wait_for_text(log: Path) -> str:
    deadline = time.monotonic() + 20
    while not (text := log.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return text


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


def test_stopping_ends_the_grandchildren_too(tmp_path: Path) -> None:
    child = start_process(
        name="parent", command=[sys.executable, "-c", PARENT_AND_CHILD], log=tmp_path / "log"
    )
    grandchild = int(_wait_for_text(child.log))
    child.stop()
    assert child.has_ended
    _wait_until_gone(grandchild)


def test_a_process_that_ignores_term_is_killed_after_the_grace_time(tmp_path: Path) -> None:
    child = start_process(name="deaf", command=[sys.executable, "-c", DEAF], log=tmp_path / "log")
    _wait_for_text(child.log)
    child.stop(grace_seconds=0.5)
    assert child.process.returncode == -signal.SIGKILL


def test_killing_ends_it_at_once(tmp_path: Path) -> None:
    child = start_process(name="deaf", command=[sys.executable, "-c", DEAF], log=tmp_path / "log")
    child.kill()
    assert child.process.returncode == -signal.SIGKILL


def test_the_guard_ends_the_children_of_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from hmnp.dev.guard import Guard; from hmnp.dev.processes import start_process;"
        "child = start_process(name='sleeper', guard=Guard(), log=Path(sys.argv[1]) / 'log',"
        " command=[sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    _wait_until_gone(int(killed.stdout))


def test_the_guard_spares_what_it_was_told_to_forget() -> None:
    guard = Guard()
    sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True)
    guard.watch(sleeper.pid)
    guard.forget(sleeper.pid)
    guard.close()
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_waiting_names_the_process_that_ended_and_shows_its_log(tmp_path: Path) -> None:
    child = start_process(
        name="web",
        command=[sys.executable, "-c", "import sys; sys.exit('no such setting')"],
        log=tmp_path / "log",
    )
    with pytest.raises(ProcessFailedError, match=r"(?s)web ended with code 1.*no such setting"):
        wait_for_url(url=f"http://{LOOPBACK}:{free_port()}/", child=child)


def test_waiting_gives_up_on_a_process_that_never_answers(tmp_path: Path) -> None:
    child = start_process(name="mute", command=["sleep", "60"], log=tmp_path / "log")
    with pytest.raises(ProcessFailedError, match="mute did not answer 200"):
        wait_for_url(url=f"http://{LOOPBACK}:{free_port()}/", child=child, timeout_seconds=0.3)
    child.stop()


def test_waiting_ends_when_the_page_answers(tmp_path: Path) -> None:
    port = quiet_port()
    child = start_process(
        name="files",
        command=[sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK],
        log=tmp_path / "log",
        cwd=tmp_path,
    )
    wait_for_url(url=f"http://{LOOPBACK}:{port}/", child=child)
    assert port_is_taken(port)
    assert http_status(f"http://{LOOPBACK}:{port}/nowhere") == 404
    child.stop()
    assert not port_is_taken(port)
    assert http_status(f"http://{LOOPBACK}:{port}/") is None


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:1")
    assert http_status(f"http://{LOOPBACK}:{free_port()}/") is None
    assert os.environ["http_proxy"]
