"""A copy of the checkout to run `make` in, so that the tests never meet a developer's own data."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hmnp.dev.ports import quiet_port
from hmnp.dev.state import CHECKOUT, state_dir

# What would make a fresh machine's command behave differently under pytest.
LEAKED = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", "PORT")


@dataclass(slots=True)
class Checkout:
    """A copy of the checkout, its ports, and the commands running in it."""

    folder: Path
    port: int = field(default_factory=quiet_port)
    sandbox_port: int = field(default_factory=quiet_port)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self, **changes: str) -> dict[str, str]:
        """Give the environment of a shell in this checkout; the installed packages are shared."""
        # Not measured either: a stop that is asked for while coverage writes down a line leaves its
        # lock taken, and the supervisor waits for it for ever.
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in LEAKED and not name.startswith("COVERAGE_")
        }
        ports = {"PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        own = {"VENV": str(virtual_environment()), "PYTHONFAULTHANDLER": "1"}
        return kept | own | ports | changes

    def make(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """Start make; its output goes to `output` of the answer's name in the folder."""
        process = subprocess.Popen(
            ["make", "--no-print-directory", *arguments],
            cwd=self.folder,
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end and give its output."""
        done = subprocess.run(
            [str(virtual_environment() / "bin" / "python"), "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state(self) -> Path:
        """Find the folder of this checkout's servers."""
        return state_dir(checkout=self.folder)

    def processes(self) -> list[psutil.Process]:
        """Find every process that belongs to this checkout, by its folder or its servers' data."""
        signs = {str(self.folder), str(self.state())}
        found = []
        for process in psutil.process_iter():
            try:
                places = [process.cwd(), *process.cmdline()]
            except psutil.Error:
                continue
            if any(place.startswith(sign) for place in places for sign in signs):
                found.append(process)
        return found

    def wait_until_gone(self, *, seconds: float) -> list[str]:
        """Wait until no process is left; give what still runs when the time is over."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [" ".join(process.cmdline()) for process in left if process.is_running()]

    def clean_up(self) -> None:
        """Kill what a failed test left and delete the folder."""
        for process in self.processes():
            process.kill()
        for started in self.started:
            started.communicate()
        shutil.rmtree(self.state(), ignore_errors=True)


def virtual_environment() -> Path:
    """Find the virtual environment the tests run in."""
    return Path(os.environ.get("VIRTUAL_ENV") or CHECKOUT / os.environ.get("VENV", ".venv"))


def copy_of_this_checkout(folder: Path) -> Checkout:
    """Copy what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = CHECKOUT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return Checkout(folder=folder)
