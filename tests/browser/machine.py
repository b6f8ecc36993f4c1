"""The machine's share of a booking: told by the browser itself, page by page."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from playwright.sync_api import Page, Response

from tests.browser import walk
from tests.browser.walk import Customer

# From the moment something was pressed until its page is loaded or its part is in place; the
# person's reading, typing and choosing in between are not counted. The clock is the browser's.
_WATCH = """
(() => {
  if (window !== top) { return; }
  const clock = () => performance.timeOrigin + performance.now();
  const note = (what, ms, server) => {
    const told = JSON.parse(sessionStorage.getItem("machine") || "[]");
    told.push([what, Math.round(ms), Math.round(server)]);
    sessionStorage.setItem("machine", JSON.stringify(told));
  };
  addEventListener("click", () => sessionStorage.setItem("pressed", String(clock())), true);
  addEventListener("load", () => setTimeout(() => {
    const way = performance.getEntriesByType("navigation")[0];
    const begun = Number(sessionStorage.getItem("pressed")) || performance.timeOrigin;
    note(location.pathname.replace(/[0-9a-f-]{36}/, "…"),
      performance.timeOrigin + way.loadEventEnd - begun, way.responseStart - way.requestStart);
    const button = document.querySelector("[data-pay-button]");
    if (!button) { return; }
    const until = setInterval(() => {
      if (button.getAttribute("aria-disabled") !== "false") { return; }
      clearInterval(until);
      note("card field", performance.now() - way.loadEventEnd, 0);
    }, 10);
  }));
  addEventListener("htmx:afterSettle", (event) => {
    // The price beside the times is put in place, too, and says so as well.
    if (event.target.id !== "times") { return; }
    const asked = performance.getEntriesByType("resource")
      .filter((one) => one.initiatorType === "xmlhttprequest").pop();
    note("times", clock() - Number(sessionStorage.getItem("pressed")),
      asked ? asked.responseStart - asked.requestStart : 0);
  });
})()
"""
_ID = re.compile(r"[0-9a-f-]{36}")
_TOLD = "JSON.parse(sessionStorage.getItem('machine') || '[]')"


@dataclass(frozen=True)
class Step:
    """One thing the person waited for; `server_ms` of it until the answer began."""

    what: str
    ms: int
    server_ms: int


@dataclass
class Measured:
    """A whole booking, and the bytes of each page with Stripe's part left out."""

    steps: list[Step] = field(default_factory=list)
    page_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The machine's time in all."""
        return sum(step.ms for step in self.steps) / 1000

    @property
    def server_median_ms(self) -> int:
        """The median of what the pages waited for our server."""
        served = sorted(step.server_ms for step in self.steps if step.server_ms)
        return served[len(served) // 2]

    @property
    def heaviest(self) -> tuple[str, int]:
        """The page with the most bytes, and how many."""
        return max(self.page_bytes.items(), key=lambda page: page[1])

    def __str__(self) -> str:
        name, size = self.heaviest
        steps = ", ".join(f"{one.what} {one.ms} ms (server {one.server_ms})" for one in self.steps)
        return (
            f"{self.seconds:.2f} s; server {self.server_median_ms} ms at the median; heaviest page "
            f"{name} {size / 1000:.0f} KB; {steps}"
        )


def book(page: Page, *, base_url: str, email: str, number: int = 1) -> Measured:
    """Book and pay from a service's page to the receipt, and measure.

    Another number is another day: a few bookings fill one.
    """
    measured = Measured()
    page.add_init_script(_WATCH)
    _weigh(page, measured, base_url)
    page.goto("/services/standard-notary/")
    page.get_by_role("link", name="Choose a time").click()
    walk.show_times(page, zip_code=walk.LEAGUE_CITY)
    walk.pick_next_week(page)
    # The first is chosen already; to choose it is no step.
    walk.pick_day(page, 1 + number % (walk.free_days(page).count() - 1))
    walk.pick_time(page, 8)
    walk.keep(page)
    walk.type_details(page, Customer(email), is_mobile=True)
    walk.send_details(page)
    _wait_until_told(page, "card field")
    walk.pay(page, walk.GOOD_CARD)
    walk.expect_booked(page)
    told = _wait_until_told(page, "/book/confirmed")
    measured.steps = [Step(what, ms, server_ms) for what, ms, server_ms in told]
    return measured


def _wait_until_told(page: Page, what: str) -> list[tuple[str, int, int]]:
    """Give what was noted, once its end begins so; the pages' policy forbids waiting there."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        told: list[tuple[str, int, int]] = page.evaluate(_TOLD)
        if told and told[-1][0].startswith(what):
            return told
        page.wait_for_timeout(20)
    raise AssertionError(f"{what} was not reached: {told}")


def _weigh(page: Page, measured: Measured, base_url: str) -> None:
    name = ""

    def add(answer: Response) -> None:
        nonlocal name
        if not answer.url.startswith(base_url) or 300 <= answer.status < 400:
            return
        if answer.request.is_navigation_request() and answer.frame == page.main_frame:
            name = _ID.sub("…", answer.url.removeprefix(base_url).partition("?")[0])
        measured.page_bytes.setdefault(name, 0)
        sizes = answer.request.sizes()
        measured.page_bytes[name] += sizes["responseBodySize"] + sizes["responseHeadersSize"]

    page.on("response", add)
