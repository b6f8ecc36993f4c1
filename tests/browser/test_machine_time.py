"""How long the machine itself takes for a booking when nobody has to think or type."""

from __future__ import annotations

import time

import pytest

from tests.browser import walk
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser


def test_a_whole_booking_takes_the_machine_a_few_seconds(
    visitor: Visitor, site: Site, email: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measure and print; how fast it must be is not for a shared machine to judge."""
    page = visitor.page
    marks: list[tuple[str, float]] = [("", time.perf_counter())]

    def mark(step: str) -> None:
        marks.append((step, time.perf_counter()))

    walk.choose_service(page, walk.STANDARD)
    mark("home and service")
    walk.show_times(page, zip_code=walk.LEAGUE_CITY)
    walk.pick_next_week(page)
    walk.pick_day(page, 2)
    walk.pick_time(page, 8)
    mark("where and when")
    walk.keep(page)
    walk.type_details(page, Customer(email), is_mobile=True)
    mark("hold and details")
    walk.send_details(page)
    walk.card_field(page)
    mark("booking and card field")
    walk.pay(page, walk.GOOD_CARD)
    reference = walk.expect_booked(page)
    mark("payment and receipt")
    site.mail(email, subject=reference)
    mark("mail")
    with capsys.disabled():
        print("\nA booking in the browser, machine time:")
        for (_, begun), (step, ended) in zip(marks, marks[1:], strict=False):
            print(f"  {step:<24}{ended - begun:6.2f} s")
        print(f"  {'all':<24}{marks[-1][1] - marks[0][1]:6.2f} s")
