"""PostgreSQL and Redis for this checkout, started when needed and shared by whoever needs them.

Every user of the servers holds a shared flock on `in-use`; the last one to leave stops them. A
killed user's lock is dropped by the kernel, so a kill -9 leaves at worst a running server that the
next user adopts.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from hmnp.dev.filelocks import FileLock, locked, try_lock
from hmnp.dev.postgres import APP_ROLE, Postgres
from hmnp.dev.redis import Redis
from hmnp.dev.state import GOOGLE_FILE, EmbeddedServerError, state_dir

LOCK_SECONDS = 90.0
# Where the site's own processes find their DATABASE_URL; none of our settings reads it.
APP_URL = "APP_DATABASE_URL"

Say = Callable[[str], None]


def _quiet(_: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Lease:
    """The right to use the servers of one state folder."""

    state: Path
    database_url: str
    app_database_url: str
    redis_url: str
    postgres_log: Path
    _in_use: FileLock
    is_throw_away: bool = False

    def environment(self) -> dict[str, str]:
        """Give the variables that Django's settings read, for whoever may do everything."""
        return {
            "DATABASE_URL": self.database_url,
            "APP_DATABASE_ROLE": APP_ROLE,
            APP_URL: self.app_database_url,
            "REDIS_URL": self.redis_url,
            # A database of its own, so that emptying the cache loses no task.
            "CELERY_BROKER_URL": self.redis_url.removesuffix("/0") + "/1",
            "EMBEDDED_POSTGRES_LOG": str(self.postgres_log),
        }

    def process_groups(self) -> list[int]:
        """Give the servers' process groups; each server leads one of its own."""
        pids = [Redis(state=self.state).pid()]
        if (postmaster := Postgres(state=self.state).running()) is not None:
            pids.append(postmaster.pid)
        return [pid for pid in pids if pid is not None]

    def release(self) -> None:
        """Stop using the servers; the last user stops them."""
        with locked(path=self.state / "lock", timeout_seconds=LOCK_SECONDS):
            self._in_use.release()
            last = try_lock(path=self.state / "in-use")
            if last is None:
                return
            stop_servers(state=self.state)
            last.release()
        if self.is_throw_away:
            shutil.rmtree(self.state, ignore_errors=True)


def acquire(*, state: Path, is_throw_away: bool = False, say: Say = _quiet) -> Lease:
    """Adopt the servers of this folder or start them, and keep them until released.

    Raises EmbeddedServerError when a server does not come up, LockTimeoutError when another
    process keeps the folder's lock for over 90 s.
    """
    postgres = Postgres(state=state, is_throw_away=is_throw_away)
    redis = Redis(state=state)
    with locked(path=state / "lock", timeout_seconds=LOCK_SECONDS):
        in_use = try_lock(path=state / "in-use", shared=True)
        if in_use is None:
            raise EmbeddedServerError(f"{state / 'in-use'} is locked by something unknown")
        try:
            database_url = postgres.url()
            say(
                f"PostgreSQL: {'already running' if database_url else 'starting'} ({postgres.data})"
            )
            database_url = database_url or postgres.start()
            app_database_url = postgres.app_url()
            redis_url = redis.url()
            say(f"Redis: {'already running' if redis_url else 'starting'}")
            redis_url = redis_url or redis.start()
        except BaseException:
            in_use.release()
            if (last := try_lock(path=state / "in-use")) is not None:
                stop_servers(state=state)
                last.release()
            raise
    return Lease(
        state=state,
        database_url=database_url,
        app_database_url=app_database_url,
        redis_url=redis_url,
        postgres_log=postgres.log,
        _in_use=in_use,
        is_throw_away=is_throw_away,
    )


def stop_servers(*, state: Path) -> None:
    """Stop this folder's servers, whoever uses them."""
    Redis(state=state).stop()
    Postgres(state=state).stop()


def sweep_abandoned(*, parent: Path, prefix: str) -> list[Path]:
    """Stop and delete throw-away servers whose users were killed; answer their folders."""
    swept = []
    for folder in parent.glob(f"{prefix}*"):
        try:
            is_mine = not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
        except FileNotFoundError:
            # Another test run has swept it meanwhile.
            continue
        if not is_mine:
            continue
        lock = folder / "in-use"
        # A folder without the lock file is one that another run is making at this moment.
        if not lock.exists() or (last := try_lock(path=lock)) is None:
            continue
        stop_servers(state=folder)
        shutil.rmtree(folder, ignore_errors=True)
        last.release()
        swept.append(folder)
    return swept


def as_the_site(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of the site's own processes, which sign in as a role owning nothing.

    The database stays the one that is named; servers given from outside have their own roles.
    """
    if APP_URL not in environment:
        return dict(environment)
    named, own = urlsplit(environment["DATABASE_URL"]), urlsplit(environment[APP_URL])
    url = urlunsplit(named._replace(netloc=own.netloc))
    return {**environment, "DATABASE_URL": url}


def are_outside_servers_given(*, environment: Mapping[str, str]) -> bool:
    """Tell whether both servers are given from outside. Raises EmbeddedServerError for just one."""
    given = [name for name in ("DATABASE_URL", "REDIS_URL") if environment.get(name)]
    if len(given) == 1:
        missing = "REDIS_URL" if given == ["DATABASE_URL"] else "DATABASE_URL"
        raise EmbeddedServerError(f"{given[0]} is set but {missing} is not: set both or neither")
    return bool(given)


@contextmanager
def servers_for_a_command(*, environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Give the block a database and a Redis through its environment, unless it has its own."""
    if are_outside_servers_given(environment=environment):
        yield
        return
    state = state_dir()
    lease = acquire(state=state)
    environment.setdefault("GOOGLE_SERVICE_ACCOUNT_FILE", str(state / GOOGLE_FILE))
    for name, value in lease.environment().items():
        environment.setdefault(name, value)
    try:
        yield
    finally:
        lease.release()
