"""A person at a browser; whatever a page does that it must not do is noted down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Frame,
    Page,
    Request,
    Response,
    ViewportSize,
)

from hmnp.dev.state import CHECKOUT
from tests.browser.site import Site

SCREENSHOTS = CHECKOUT / "screenshots"
IS_PHOTOGRAPHING = os.environ.get("SCREENSHOTS") == "1"
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Style sheets are preloaded for one rule, about pages that are fixed to one orientation.
LIGHT_RULES: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
# The card field shows the page's ground, which axe inside its frame takes for white.
FRAME_RULES = {**LIGHT_RULES, "rules": {"color-contrast": {"enabled": False}}}
# All else is the same in the dark.
DARK_RULES = {**LIGHT_RULES, "runOnly": ["color-contrast", "link-in-text-block"]}
SERIOUS = ("serious", "critical")
# Chromium reports every refusal so; which answers are right is the tests' to say.
REFUSAL = "Failed to load resource: the server responded with a status of 4"
# Axe in a frame of another origin tries to speak to axe in the page.
AXE_TALK = "Failed to execute 'postMessage'"


class Visitor:
    """One browser context with one page, and what it did wrong."""

    # Names of pages that were looked at: once in a session is enough.
    looked_at: set[str] = set()

    def __init__(
        self,
        browser: Browser,
        site: Site,
        *,
        size: ViewportSize = DESK,
        scheme: Literal["light", "dark"] = "light",
        **context: Any,
    ) -> None:
        self.site, self.size, self.scheme = site, size, scheme
        self.faults: list[str] = []
        self._is_judging = False
        # Far from Houston: a page must show Houston's time all the same.
        self.context = browser.new_context(
            base_url=site.base_url,
            viewport=size,
            color_scheme=scheme,
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="America/New_York",
            **context,
        )
        self.context.set_default_timeout(15_000)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        self.context.on("request", self._watch)
        self.context.on("response", self._check)
        self.page: Page = self.context.new_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.context.close()
        # A failed test says what failed; faults would only hide it.
        if kind is None:
            self.answer_for_faults()

    def answer_for_faults(self) -> None:
        """Fail when a page has done something wrong since the last time."""
        faults, self.faults = self.faults, []
        assert not faults, "\n".join(faults)

    def look(self, name: str, *, like: str = "") -> None:
        """Judge the page as it stands: axe in light and dark, no sideways scrolling.

        One made of the same pieces as another, `like`, is not given to axe again. With
        SCREENSHOTS=1 it is photographed at both widths in both schemes.
        """
        if name in self.looked_at:
            return
        # Right after a click the next page may be half there.
        self.page.wait_for_load_state()
        is_new = like not in self.looked_at
        self.looked_at |= {name, like} if like else {name}
        for size in (PHONE, DESK):
            width = size["width"]
            self.page.set_viewport_size(size)
            wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                self.faults.append(f"{name}: {wide} px too wide at {width} px")
            for scheme in SCHEMES:
                is_judged = is_new and (size is PHONE) == (scheme == "dark")
                if is_judged or IS_PHOTOGRAPHING:
                    self.page.emulate_media(color_scheme=scheme)
                self.photograph(f"{name}-{width}-{scheme}")
                if is_judged:
                    self._run_axe(name, scheme)
        self.page.emulate_media(color_scheme=self.scheme)
        self.page.set_viewport_size(self.size)

    def _run_axe(self, name: str, scheme: str) -> None:
        self._is_judging = True
        if scheme == "dark":
            found = _violations(self.page.main_frame, DARK_RULES)
        else:
            found = _violations(self.page.main_frame, LIGHT_RULES)
            for frame in self.page.frames[1:]:
                found += _violations(frame, FRAME_RULES)
        self.faults += [f"{name} ({scheme}): {one}" for one in found]
        self._is_judging = False

    def photograph(self, name: str) -> None:
        """Keep a picture of the whole page, with SCREENSHOTS=1."""
        if not IS_PHOTOGRAPHING:
            return
        SCREENSHOTS.mkdir(exist_ok=True)
        frames = self.page.locator("iframe")
        if frames.count():
            # Chromium paints no frame that is out of sight.
            frames.first.scroll_into_view_if_needed()
        else:
            self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=Path(SCREENSHOTS, f"{name}.png"), full_page=True)

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type not in ("error", "warning") or line.text.startswith(REFUSAL):
            return
        if not (self._is_judging and AXE_TALK in line.text):
            self.faults.append(f"console: {line.text}")

    def _watch(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss"):
            origin = f"{address.scheme}://{address.netloc}"
            if origin not in self.site.origins:
                self.faults.append(f"asked a stranger: {request.method} {request.url}")

    def _check(self, response: Response) -> None:
        kind = response.request.resource_type
        is_part = kind in ("stylesheet", "script", "image", "font")
        if response.status >= 500 or (response.status >= 400 and is_part):
            self.faults.append(f"{response.status} for the {kind} {response.url}")


def _violations(frame: Frame, options: dict[str, Any]) -> list[str]:
    """Give what axe finds in a frame that keeps people out."""
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(AXE_SCRIPT)
    found = frame.evaluate("(options) => axe.run(options)", options)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
        if one["impact"] in SERIOUS
    ]
