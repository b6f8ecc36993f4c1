"""pytest plugin: the sandbox and real site processes as fixtures, and the rule for browser tests.

The ports are chosen when the plugin is loaded, before Django reads its settings, so that addresses
in the settings (`STRIPE_API_BASE`, `PUBLIC_BASE_URL`) are those of the fixtures.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from pytest_django import Settings

from hmnp.dev.chromium import chromium_path
from hmnp.dev.guard import Guard
from hmnp.dev.live import LiveProcesses
from hmnp.dev.ports import quiet_port
from hmnp.dev.state import GOOGLE_FILE

os.environ["PORT"] = str(quiet_port())
os.environ["SANDBOX_PORT"] = str(quiet_port())

BROWSER = "browser"
# What a test says by `record_property("measured", …)` is shown at the end of the session.
MEASURED = "measured"
_passed_browser_tests = 0
_skipped_browser_tests = 0


@pytest.fixture(scope="session")
def process_guard() -> Iterator[Guard]:
    """End the session's child processes should the session be killed."""
    guard = Guard()
    yield guard
    guard.close()


def _live(folder: Path, guard: Guard, *, port: int, sandbox_port: int) -> LiveProcesses:
    database = settings.DATABASES["default"]
    address = os.environ["DATABASE_URL"].partition("?")
    url = address[0].rpartition("/")[0] + f"/{database['NAME']}" + "".join(address[1:])
    return LiveProcesses(
        folder=folder,
        environment={
            "DJANGO_SETTINGS_MODULE": "hmnp.settings.live_test",
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["REDIS_URL"],
            "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
            "GOOGLE_SERVICE_ACCOUNT_FILE": str(folder / GOOGLE_FILE),
        },
        port=port,
        sandbox_port=sandbox_port,
        guard=guard,
    )


def _session_ports() -> dict[str, int]:
    return {"port": int(os.environ["PORT"]), "sandbox_port": int(os.environ["SANDBOX_PORT"])}


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory, process_guard: Guard) -> Iterator[str]:
    """Address of a sandbox that runs for the whole session, where the settings look for it."""
    folder = tmp_path_factory.mktemp("sandbox")
    live = _live(folder, process_guard, **_session_ports())
    live.start_sandbox()
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = str(folder / GOOGLE_FILE)
    yield live.sandbox_url
    live.stop()


@pytest.fixture(scope="session")
def sandbox_web(sandbox_url: str) -> Iterator[httpx.Client]:
    """A client of the session's sandbox; making one reads every certificate of the machine."""
    with httpx.Client(base_url=sandbox_url, timeout=10) as web:
        yield web


@pytest.fixture
def live_site(transactional_db: None, tmp_path: Path, process_guard: Guard) -> Iterator[str]:
    """Address of granian over the test database; what the test commits, it sees.

    Stopped with its test: the sandbox of all tests would go on telling it, and it would store what
    it hears in other tests' tables.
    """
    live = _live(tmp_path, process_guard, **_session_ports())
    live.start_web(workers=1)
    yield live.base_url
    live.stop()


@pytest.fixture
def live(
    transactional_db: None, settings: Settings, tmp_path: Path, process_guard: Guard
) -> Iterator[LiveProcesses]:
    """Web, worker and sandbox of this one test, to start, kill -9 and start again.

    Their ports are their own; the test's settings point at them.
    """
    processes = _live(tmp_path, process_guard, port=quiet_port(), sandbox_port=quiet_port())
    settings.PUBLIC_BASE_URL = processes.base_url
    settings.SANDBOX_URL = processes.sandbox_url
    settings.STRIPE_API_BASE = processes.sandbox_url
    settings.STRIPE_JS_URL = f"{processes.sandbox_url}/js/v3/"
    settings.ANYMAIL = {
        **settings.ANYMAIL,
        "POSTMARK_API_URL": f"{processes.sandbox_url}/postmark/",
    }
    settings.GOOGLE_CALENDAR_API_BASE = f"{processes.sandbox_url}/google/calendar/v3"
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = str(tmp_path / GOOGLE_FILE)
    yield processes
    processes.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's Chromium; tests marked `browser` run only where it is."""
    return chromium_path() or pytest.skip("no Chromium on this machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, and skip what needs a browser where there is none."""
    # A slow test that comes last keeps one process busy while the others are done.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if chromium_path() is not None:
        return
    for item in items:
        if item.get_closest_marker(BROWSER):
            item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the browser tests; under xdist the controller sees every worker's reports."""
    global _passed_browser_tests, _skipped_browser_tests  # noqa: PLW0603 - pytest's hooks share nothing else
    if BROWSER in report.keywords:
        _passed_browser_tests += report.when == "call" and report.passed
        _skipped_browser_tests += report.skipped


def _lacks_required_browser_tests() -> bool:
    is_required = os.environ.get("BROWSER_TESTS") == "required"
    return is_required and (_skipped_browser_tests > 0 or _passed_browser_tests == 0)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a session whose browser tests were required but did not run."""
    is_worker = hasattr(session.config, "workerinput")
    if not is_worker and exitstatus == pytest.ExitCode.OK and _lacks_required_browser_tests():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured, and loudly that browser tests did not run."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == MEASURED:
                terminalreporter.write_line(str(value))
    if _lacks_required_browser_tests():
        terminalreporter.write_line(
            f"BROWSER TESTS REQUIRED: {_passed_browser_tests} passed, "
            f"{_skipped_browser_tests} skipped; this run counts as failed",
            red=True,
            bold=True,
        )
    elif _skipped_browser_tests:
        terminalreporter.write_line(
            f"{_skipped_browser_tests} BROWSER TESTS WERE SKIPPED: no Chromium "
            "(as root: apt-get install chromium)",
            yellow=True,
            bold=True,
        )
