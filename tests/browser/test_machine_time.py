"""How long the machine itself takes for a booking when nobody has to think or type."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.browser import walk
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser


def test_a_whole_booking_takes_the_machine_a_few_seconds(
    visitor: Visitor, site: Site, email: str, record_property: Callable[[str, object], None]
) -> None:
    """Measure and say; how fast it must be is not for a shared machine to judge."""
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
    took = [(step, ended - begun) for (_, begun), (step, ended) in pairwise(marks)]
    took.append(("all", marks[-1][1] - marks[0][1]))
    steps = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in took)
    record_property("measured", f"A booking in the browser, machine time: {steps}")
