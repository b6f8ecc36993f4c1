"""One site and one browser for all browser tests; a new context for each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from hmnp.dev.guard import Guard
from tests.browser.site import Site, running_site
from tests.browser.visitor import PHONE, Visitor


# Both end with the last test of this folder: while Playwright runs, its event loop makes Django
# refuse the database to every other test of the process.
@pytest.fixture(scope="package")
def site(
    chromium: str, tmp_path_factory: pytest.TempPathFactory, process_guard: Guard
) -> Iterator[Site]:
    """A running site, filled as a developer's."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    folder = tmp_path_factory.mktemp("browser")
    with running_site(folder=folder, guard=process_guard, worker=worker) as running:
        yield running


@pytest.fixture(scope="package")
def browser(chromium: str, site: Site) -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as play:
        # Root in a container has no user namespaces for the sandbox.
        running = play.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield running
        running.close()


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A person at the browser; at the end no page has done anything it must not do."""
    with Visitor(browser, site) as person:
        yield person


@pytest.fixture
def phone_user(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A person with a phone at night; held to the same."""
    with Visitor(browser, site, size=PHONE, scheme="dark", has_touch=True) as person:
        yield person


@pytest.fixture
def email() -> str:
    """An address no other test has."""
    return f"ana.ruiz+{uuid.uuid4().hex[:8]}@example.com"
