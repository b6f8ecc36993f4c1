"""kill -9 of web, worker and sandbox, between any two steps and at every named point."""

from __future__ import annotations

import os

import pytest

from tests.faults.flows import BOOKING_FIRST, INTENT_FIRST, ORDERS, WITHOUT_HOLD, Flow, run_all
from tests.faults.judging import judge
from tests.faults.site import Site

pytestmark = pytest.mark.slow

VICTIMS: dict[str, tuple[str, ...]] = {
    "web": ("web",),
    "worker": ("worker",),
    "sandbox": ("sandbox",),
}
if "FAULT_FLOWS" in os.environ:  # in a night's run
    VICTIMS["all of them"] = ("web", "worker", "sandbox")


@pytest.mark.parametrize("victims", VICTIMS.values(), ids=list(VICTIMS))
def test_killed_between_any_two_steps_nothing_is_lost_or_doubled(
    site: Site, victims: tuple[str, ...]
) -> None:
    """One customer stands before each step of each order; half of them never come back."""
    stops: dict[int, int] = {}
    staying: list[Flow] = []
    leaving: list[Flow] = []
    for steps in ORDERS.values():
        for stop in range(1, len(steps) + 1):
            for group in (staying, leaving):
                flow = Flow(site=site, steps=steps)
                stops[flow.number] = stop
                group.append(flow)
    run_all([*staying, *leaving], work=lambda flow: flow.run(until=stops[flow.number]))
    site.kill(*victims)
    site.start(*victims)
    run_all(staying)
    site.quiesce()
    judge(site, [*staying, *leaving])
    assert [flow.name for flow in staying if flow.done != list(flow.steps)] == []
    assert {flow.booking()["status"] for flow in staying} == {"CONFIRMED"}
    for flow in leaving:
        expected = "CONFIRMED" if {"card", "book"} <= set(flow.done) else "EXPIRED"
        assert not flow.made or flow.booking()["status"] == expected, flow.name


# Where a process of the web server may die, and one of the worker's.
WEB_POINTS = (
    "hold.committed",
    "create.locked",
    "create.written",
    "create.before_commit",
    "create.committed",
    "intent.committed",
    "intent.created",
    "intent.stored",
    "settle.fetched",
    "settle.committed",
    "inbox.stored",
)
WORKER_POINTS = (
    "inbox.claimed",
    "outbox.claimed",
    "outbox.sent",
    "close.begun",
    "close.cancelled",
    "refund.taken",
    "refund.sent",
    "refund.recorded",
)


@pytest.mark.parametrize(
    "orders",
    [(INTENT_FIRST,), (BOOKING_FIRST, WITHOUT_HOLD)],
    ids=["intent first", "booking first"],
)
def test_dying_at_any_named_point_loses_and_doubles_nothing(
    site: Site, orders: tuple[tuple[str, ...], ...]
) -> None:
    """The first customer at each point meets a death; some try again, some close the page."""
    points = {*WEB_POINTS, *WORKER_POINTS} - ({"create.locked"} if len(orders) == 1 else set())
    site.arm(*points)
    flows: list[Flow] = []
    for _ in range(5):
        flows += [flow for steps in orders for flow in _customers(site, steps)]
        run_all(flow for flow in flows if not flow.tried)
        site.quiesce()
        if not site.armed():
            break
    assert site.deaths().keys() == points
    judge(site, flows)
    stayed = [flow for flow in flows if flow.done == list(flow.steps) and "confirm" in flow.steps]
    assert stayed
    assert {flow.booking()["status"] for flow in stayed} == {"CONFIRMED", "CANCELLED"}


def _customers(site: Site, steps: tuple[str, ...]) -> list[Flow]:
    """Some book, some cancel again, some leave before and some after they have paid."""
    # Not waiting for the mail: what a dead worker had leased is free only once its time is over.
    steps = steps[:-1]
    return [
        *(Flow(site=site, steps=steps, gives_up=number == 0) for number in range(3)),
        *(Flow(site=site, steps=(*steps, "cancel"), gives_up=number == 0) for number in range(3)),
        *(Flow(site=site, steps=steps[:3]) for _ in range(2)),
        *(Flow(site=site, steps=steps[:2]) for _ in range(2)),
    ]


def test_paid_on_a_hold_and_the_page_closed_is_refunded_and_the_time_free(site: Site) -> None:
    """Also when the site dies the moment the card was charged."""
    flow = Flow(site=site, steps=INTENT_FIRST).run(until=3)
    assert flow.charged
    site.kill("web", "worker")
    site.start("web", "worker")
    site.quiesce()
    judge(site, [flow])
    paid, refunded = site.rows(
        "SELECT amount_captured_cents, amount_refunded_cents FROM payments_payment WHERE id = %s",
        flow.opened["paymentId"],
    )[0]
    assert paid == refunded > 0
    day = flow.start[:10]
    assert flow.start in site.free_starts(slug="ron", first_day=day)
    after = Flow(site=site, steps=INTENT_FIRST, start=flow.start).run()
    assert after.booking()["status"] == "CONFIRMED", after.name
