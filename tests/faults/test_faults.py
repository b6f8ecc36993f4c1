"""Every fault of the outside world, in every call we make to it: at rest nothing is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.flows import BOOKING_FIRST, INTENT_FIRST, ORDERS, Flow, run_all
from tests.faults.judging import judge
from tests.faults.site import IS_NIGHT, Site

pytestmark = pytest.mark.slow

ACTIONS = {
    "delay": 400,
    "timeout_before_commit": 150,
    "timeout_after_commit": 150,
    "error_500": 0,
    "error_500_after_commit": 0,
    "error_429": 0,
    "reset": 0,
    "reset_after_commit": 0,
    "garbage": 0,
}
MANY = 3 if IS_NIGHT else 1
INTENTS = "^/v1/payment_intents"


def wrong_at_create(flow: Flow, action: str, times: int) -> None:
    """Opening the intent goes wrong."""
    flow.run(until=flow.steps.index("intent"))
    named = flow.made["booking"]["id"] if flow.made else flow.held["holdId"]
    _fail(flow, action, times, method="POST", path=f"{INTENTS}$", body=named)
    flow.run()


def wrong_at_card(flow: Flow, action: str, times: int) -> None:
    """The card field's own call goes wrong."""
    flow.run(until=flow.steps.index("card"))
    _fail(flow, action, times, method="POST", path=f"{_intent(flow)}/confirm$")
    flow.run()


def wrong_at_retrieve(flow: Flow, action: str, times: int) -> None:
    """Looking up what came of it goes wrong."""
    flow.run(until=flow.steps.index("card"))
    _fail(flow, action, times, method="GET", path=_intent(flow))
    flow.run()


def wrong_at_update(flow: Flow, action: str, times: int) -> None:
    """Naming the booking on the intent goes wrong."""
    flow.run(until=flow.steps.index("intent") + 1)
    _fail(flow, action, times, method="POST", path=f"{_intent(flow)}$")
    flow.run()


def wrong_at_mail(flow: Flow, action: str, times: int) -> None:
    """Sending the confirmation goes wrong."""
    _fail(flow, action, times, system="postmark", body=flow.email)
    flow.run(until=len(flow.steps) - 1)


def wrong_at_refund(flow: Flow, action: str, times: int) -> None:
    """Giving the money of a cancelled booking back goes wrong."""
    flow.run(until=len(flow.steps) - 1)
    _fail(flow, action, times, method="POST", path="/v1/refunds", body=_intent_id(flow))
    flow.cancel()
    flow.tried.append("cancel")


def wrong_at_cancel(flow: Flow, action: str, times: int) -> None:
    """Ending the intent of somebody who never paid goes wrong."""
    flow.run(until=2)
    if flow.opened:
        _fail(flow, action, times, method="POST", path=f"{_intent(flow)}/cancel")


def _intent_id(flow: Flow) -> str:
    return str(flow.opened["paymentIntentId"])


def _intent(flow: Flow) -> str:
    return f"{INTENTS}/{_intent_id(flow)}"


def _fail(flow: Flow, action: str, times: int, **match: str) -> None:
    flow.site.fail(action, times=times, ms=ACTIONS[action], **match)


Wrong = Callable[[Flow, str, int], None]


# Once: Stripe's library tries again. Four times: it gives up, and the rows must tell what to do.
TIMES: dict[Wrong, tuple[int, ...]] = {
    wrong_at_create: (1, 4),
    wrong_at_card: (2,),
    wrong_at_retrieve: (1, 4),
    wrong_at_update: (4,),
    wrong_at_mail: (1, 2),
    wrong_at_refund: (1, 4),
    wrong_at_cancel: (1, 4),
}
CALLS = list(TIMES)


@pytest.mark.parametrize(
    "wrong", CALLS, ids=["create", "card", "retrieve", "update", "mail", "refund", "cancel"]
)
def test_no_fault_of_the_outside_world_loses_or_doubles_anything(site: Site, wrong: Wrong) -> None:
    times = TIMES[wrong]
    orders = (
        [INTENT_FIRST]
        if wrong in (wrong_at_update, wrong_at_cancel)
        else [
            INTENT_FIRST,
            BOOKING_FIRST,
        ]
    )
    # No webhook mends what the rows themselves must.
    site.turn("webhooks", drop=1_000_000)
    flows: list[Flow] = []
    planned: list[tuple[Flow, str, int]] = []
    # By day every second action, the others at the next call; by night each, in both ways.
    turn = CALLS.index(wrong) % 2
    for number, action in enumerate(ACTIONS if IS_NIGHT else list(ACTIONS)[turn::2]):
        for time_s in times if IS_NIGHT else [times[number % len(times)]]:
            flow = Flow(site=site, steps=orders[number % len(orders)])
            flows.append(flow)
            planned.append((flow, action, time_s))
    run_all(planned, work=lambda plan: wrong(*plan))
    site.quiesce(heals=False)
    left = site.sandbox.get("/_sandbox/faults").json()["data"]
    # Whether the library tried again or the rows did: each fault really was met.
    assert [fault for fault in left if fault["hits"] == 0] == []
    judge(site, flows)


def test_webhooks_may_come_five_times_in_any_order_late_early_or_never(site: Site) -> None:
    """Nothing depends on them, and nothing is disturbed by them."""
    flows: list[Flow] = []
    for knobs in (
        {"duplicate": 4, "shuffle": True},
        {"paused": True},
        {"drop": 1000},
    ):
        site.heal()
        site.turn("webhooks", **knobs)
        # The event is there before the answer that names its intent.
        site.fail("delay", times=6, ms=500, method="POST", path=f"{INTENTS}$")
        some = [Flow(site=site, steps=steps) for steps in ORDERS.values() for _ in range(MANY)]
        others = list(ORDERS.values()) if IS_NIGHT else [INTENT_FIRST]
        some += [Flow(site=site, steps=(*steps, "cancel")) for steps in others]
        some += [Flow(site=site, steps=steps[:3]) for steps in others]
        run_all(some)
        assert [flow.name for flow in some if flow.done != list(flow.steps)] == []
        flows += some
        if "paused" in knobs:
            site.quiesce(heals=False)
            judge(site, some)
    site.heal()
    _wait_for_deliveries(site)
    site.quiesce()
    judge(site, flows)
    delivered = site.ledger()["webhook_deliveries"]
    stored = site.rows("SELECT count(*) FROM integrations_inboxevent")[0][0]
    assert len(delivered) > stored > 0


def _wait_for_deliveries(site: Site) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if site.sandbox.get("/_sandbox/webhooks").json()["pending"] == 0:
            return
        time.sleep(0.1)
    raise AssertionError("webhooks are still waiting")


def test_slow_banks_and_refusing_cards_end_like_everything_else(site: Site) -> None:
    site.turn("webhooks", processing_seconds=1, refund_seconds=1)
    cards = {
        "pm_sandbox_processing": "CONFIRMED",
        "pm_sandbox_processingFails": "EXPIRED",
        "pm_card_chargeDeclined": "EXPIRED",
        "pm_card_chargeDeclinedInsufficientFunds": "EXPIRED",
        "pm_card_threeDSecure2Required": "EXPIRED",
        "pm_card_pendingRefund": "CANCELLED",
    }
    flows = [
        Flow(
            site=site,
            steps=(*steps[:-2], *(["confirm", "cancel"] if "Refund" in card else [])),
            card_name=card,
        )
        for steps in (BOOKING_FIRST, ORDERS["without a hold"])
        for card in cards
    ]
    run_all(flows)
    site.turn("advance", seconds=2)
    _wait_for_deliveries(site)
    site.quiesce()
    judge(site, flows)
    for flow in flows:
        assert flow.booking()["status"] == cards[flow.card_name], flow.name
