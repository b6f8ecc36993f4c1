"""The embedded servers start, are shared, survive kills and leave nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from hmnp.dev.embedded import (
    acquire,
    are_outside_servers_given,
    servers_for_a_command,
    stop_servers,
    sweep_abandoned,
)
from hmnp.dev.postgres import Postgres
from hmnp.dev.redis import Redis
from hmnp.dev.state import CHECKOUT, EmbeddedServerError, state_dir, temporary_state_dir


def _remove(folder: Path) -> None:
    stop_servers(state=folder)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder whose servers are gone after the test, whatever the test did."""
    folder = temporary_state_dir(prefix="hmnp-embedded-test-")
    yield folder
    _remove(folder)


@pytest.fixture(scope="module")
def _made_once() -> Iterator[Path]:
    folder = temporary_state_dir(prefix="hmnp-embedded-test-")
    acquire(state=folder).release()
    yield folder
    _remove(folder)


@pytest.fixture
def made(state: Path, _made_once: Path) -> Path:
    """A state folder whose servers ran before: making a database takes most of a first start."""
    subprocess.run(["cp", "--archive", f"{_made_once}/.", str(state)], check=True)
    return state


def _setting(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("select current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_it_starts_servers_fit_for_bookings_and_stops_them(state: Path) -> None:
    lease = acquire(state=state)
    assert _setting(lease.database_url, "fsync") == "on"
    assert _setting(lease.database_url, "deadlock_timeout") == "200ms"
    assert _setting(lease.database_url, "log_lock_waits") == "on"
    assert _setting(lease.database_url, "TimeZone") == "UTC"
    assert int(_setting(lease.database_url, "max_connections")) >= 200
    assert redis.Redis.from_url(lease.redis_url).ping()
    pids = lease.process_groups()
    assert len(pids) == 2
    lease.release()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_the_data_outlive_the_server_and_the_address_needs_the_password(made: Path) -> None:
    lease = acquire(state=made)
    with psycopg.connect(lease.database_url) as connection:
        connection.execute("create table kept as select 42 as answer")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(lease.database_url.replace(":", ":wrong", 2).replace(":wrong", ":", 1))
    lease.release()
    again = acquire(state=made)
    with psycopg.connect(again.database_url) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)
    again.release()


def test_a_second_user_shares_the_servers_and_the_last_one_stops_them(made: Path) -> None:
    first = acquire(state=made)
    second = acquire(state=made)
    assert second.database_url == first.database_url
    assert second.redis_url == first.redis_url
    first.release()
    assert _setting(second.database_url, "fsync") == "on"
    second.release()
    assert Postgres(state=made).running() is None
    assert Redis(state=made).url() is None


def test_a_killed_user_leaves_servers_that_the_next_one_adopts(made: Path) -> None:
    script = (
        "import os, signal; from pathlib import Path; from hmnp.dev.embedded import acquire;"
        f"print(acquire(state=Path({str(made)!r})).database_url, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    lease = acquire(state=made)
    assert lease.database_url == killed.stdout.strip()
    lease.release()
    assert Postgres(state=made).running() is None


@pytest.mark.night
def test_it_starts_again_after_its_servers_were_killed(made: Path) -> None:
    lease = acquire(state=made)
    servers = [psutil.Process(pid) for pid in lease.process_groups()]
    for server in servers:
        server.kill()
    psutil.wait_procs(servers, timeout=20)
    again = acquire(state=made)
    assert _setting(again.database_url, "fsync") == "on"
    assert redis.Redis.from_url(again.redis_url).ping()
    again.release()
    lease.release()


@pytest.mark.night
def test_a_pid_file_that_names_another_program_does_not_block_the_start(made: Path) -> None:
    stale = made / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{made}\n1\n5432\n\nlocalhost\n\nready\n")
    (made / "redis.address").write_text(f"{os.getpid()} 1 nothing\n")
    lease = acquire(state=made)
    assert _setting(lease.database_url, "fsync") == "on"
    lease.release()
    assert psutil.pid_exists(os.getpid())


@pytest.mark.night
def test_a_half_made_data_folder_is_made_anew(state: Path) -> None:
    (state / "postgres").mkdir()
    (state / "postgres" / "half").touch()
    lease = acquire(state=state)
    assert not (state / "postgres" / "half").exists()
    lease.release()


@pytest.mark.night
def test_two_commands_at_once_share_one_pair_of_servers(state: Path) -> None:
    script = (
        "import time; from pathlib import Path; from hmnp.dev.embedded import acquire;"
        f"lease = acquire(state=Path({str(state)!r})); print(lease.database_url);"
        "time.sleep(1); lease.release()"
    )
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    addresses = {command.communicate(timeout=60)[0] for command in commands}
    assert [command.returncode for command in commands] == [0, 0, 0]
    assert len(addresses) == 1
    assert Postgres(state=state).running() is None


@pytest.mark.night
def test_sweeping_ends_servers_of_the_dead_and_spares_those_in_use(tmp_path: Path) -> None:
    used = temporary_state_dir(prefix="hmnp-sweep-test-")
    dead = temporary_state_dir(prefix="hmnp-sweep-test-")
    lease = acquire(state=used, is_throw_away=True)
    gone = acquire(state=dead, is_throw_away=True)
    pids = gone.process_groups()
    os.close(gone._in_use.descriptor)  # what the kernel does for a killed process
    assert sweep_abandoned(parent=used.parent, prefix="hmnp-sweep-test-") == [dead]
    assert not dead.exists()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert _setting(lease.database_url, "fsync") == "off"
    lease.release()
    assert not used.exists()


def test_it_starts_nothing_when_both_servers_are_given() -> None:
    given = {"DATABASE_URL": "postgres://elsewhere/x", "REDIS_URL": "redis://elsewhere/0"}
    before = dict(given)
    with servers_for_a_command(environment=given):
        assert given == before


def test_it_refuses_just_one_given_server() -> None:
    with pytest.raises(EmbeddedServerError, match="REDIS_URL is not"):
        are_outside_servers_given(environment={"DATABASE_URL": "postgres://elsewhere/x"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_in_a_private_checkout_keeps_the_data_where_postgres_can_reach(
    tmp_path: Path,
) -> None:
    private = tmp_path / "private"
    checkout = private / "checkout"
    checkout.mkdir(parents=True)
    private.chmod(0o700)
    folder = state_dir(checkout=checkout)
    assert not folder.is_relative_to(private)
    assert private.stat().st_mode & 0o777 == 0o700
    lease = acquire(state=folder)
    lease.release()
    subprocess.run(["rm", "-rf", str(folder)], check=True)
