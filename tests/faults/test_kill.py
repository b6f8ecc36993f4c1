"""kill -9 of web, worker and sandbox, between any two steps and at named points of the code."""

from __future__ import annotations

import pytest

from tests.faults.flows import BOOKING_FIRST, INTENT_FIRST, ORDERS, WITHOUT_HOLD, Flow, run_all
from tests.faults.judging import judge
from tests.faults.points import BY_CUSTOMERS, BY_DAY
from tests.faults.site import IS_NIGHT, Site

pytestmark = pytest.mark.slow

VICTIMS: dict[str, tuple[str, ...]] = {"all of them": ("web", "worker", "sandbox")}
CUSTOMERS: dict[str, tuple[tuple[str, ...], ...]] = {"either way": (INTENT_FIRST, WITHOUT_HOLD)}
if IS_NIGHT:
    VICTIMS |= {name: (name,) for name in ("web", "worker", "sandbox")}
    CUSTOMERS = {"intent first": (INTENT_FIRST,), "booking first": (BOOKING_FIRST, WITHOUT_HOLD)}


@pytest.mark.night
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
    for flow in leaving:
        if flow.charged and not flow.made:
            _paid_on_a_hold_is_given_back(site, flow)


def _paid_on_a_hold_is_given_back(site: Site, flow: Flow) -> None:
    """The page was closed right after the card was charged: the money is back, the time free."""
    paid, refunded = site.rows(
        "SELECT amount_captured_cents, amount_refunded_cents FROM payments_payment WHERE id = %s",
        flow.opened["paymentId"],
    )[0]
    assert paid == refunded > 0
    after = Flow(site=site, steps=INTENT_FIRST, start=flow.start).run()
    assert after.booking()["status"] == "CONFIRMED", after.name


@pytest.mark.parametrize("orders", CUSTOMERS.values(), ids=list(CUSTOMERS))
def test_dying_at_a_named_point_loses_and_doubles_nothing(
    site: Site, orders: tuple[tuple[str, ...], ...]
) -> None:
    """The first customer at each point meets a death; some try again, some close the page."""
    points = BY_CUSTOMERS if IS_NIGHT else BY_CUSTOMERS & BY_DAY
    if WITHOUT_HOLD not in orders:
        points = points - {"create.locked"}
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
    """Some book, some move, some cancel again, some leave before and some after they have paid."""
    # Not waiting for the mail: what a dead worker had leased is free only once its time is over.
    steps = steps[:-1]
    ways = [
        steps,
        (*steps, "move"),
        (*steps, "cancel"),
        (*steps, "move", "cancel"),
        steps[:3],
        steps[:2],
        steps[:1],
    ]
    if steps[0] == "hold":
        ways += [("hold", "release"), ("hold", "intent", "release")]
    flows = [Flow(site=site, steps=way, gives_up=number == 2) for number, way in enumerate(ways)]
    if IS_NIGHT:
        flows += [
            Flow(site=site, steps=way, gives_up=number == 1) for number, way in enumerate(ways)
        ]
    return flows
