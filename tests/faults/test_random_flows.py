"""Many customers at once while everything goes wrong at random: as many as `FAULT_FLOWS` says."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.flows import ORDERS, Flow, run_all
from tests.faults.judging import judge
from tests.faults.points import BY_CUSTOMERS
from tests.faults.site import Site
from tests.faults.test_faults import ACTIONS

pytestmark = pytest.mark.slow
LOG = logging.getLogger(__name__)

FLOWS = int(os.environ.get("FAULT_FLOWS", "24"))
SEED = int(os.environ.get("FAULT_SEED", str(random.randrange(10**6))))
BATCH = 100
SECONDS_BETWEEN_KILLS = 4.0
# For so many customers one whole process is killed, and one dies at a named point.
CUSTOMERS_FOR_A_KILL = 20
CUSTOMERS_FOR_A_DEATH = 15
CARDS = (
    *["pm_card_visa"] * 6,
    "pm_card_chargeDeclined",
    "pm_card_threeDSecure2Required",
    "pm_sandbox_processing",
    "pm_card_pendingRefund",
)
CALLS = (
    {"method": "POST", "path": "^/v1/payment_intents$"},
    {"method": "POST", "path": "^/v1/payment_intents/[^/]+$"},
    {"method": "POST", "path": "^/v1/payment_intents/[^/]+/confirm$"},
    {"method": "POST", "path": "^/v1/payment_intents/[^/]+/cancel$"},
    {"method": "GET", "path": "^/v1/payment_intents/"},
    {"method": "POST", "path": "^/v1/refunds$"},
    {"system": "postmark"},
)


def test_whatever_happens_nothing_is_lost_or_doubled(site: Site) -> None:
    chance = random.Random(SEED)
    faults: Counter[str] = Counter()
    done = 0
    batches = [min(BATCH, FLOWS - begun) for begun in range(0, FLOWS, BATCH)]
    for size in batches:
        site.turn(
            "webhooks",
            duplicate=chance.randrange(3),
            shuffle=chance.random() < 0.5,
            drop=chance.choice((0, 5)),
            processing_seconds=1,
            refund_seconds=1,
        )
        for _ in range(size // 2):
            action, times = chance.choice(list(ACTIONS)), chance.randint(1, 4)
            faults[action] += times
            site.fail(action, times=times, ms=ACTIONS[action], **chance.choice(CALLS))
        site.disarm()
        site.arm(*chance.sample(sorted(BY_CUSTOMERS), k=size // CUSTOMERS_FOR_A_DEATH))
        flows = [_flow(site, chance) for _ in range(size)]
        with killing(site, chance, most=size // CUSTOMERS_FOR_A_KILL) as kills:
            run_all(flows)
        for left in site.sandbox.get("/_sandbox/faults").json()["data"]:
            # Nobody came by there.
            faults[left["action"]] -= left["times"]
        site.quiesce()
        judge(site, flows)
        faults.update(kills)
        faults["death at a named point"] += len(site.deaths())
        done += size
        LOG.warning("seed %d: %d flows, faults %s", SEED, done, dict(faults))
    ended = Counter(status for (status,) in site.rows("SELECT status FROM bookings_booking"))
    LOG.warning("%d flows ended in bookings %s", done, dict(ended))


def _flow(site: Site, chance: random.Random) -> Flow:
    # The mail is waited for by the judge: what a dead worker had leased takes its time.
    steps = chance.choice(list(ORDERS.values()))[:-1]
    if chance.random() < 0.2:
        steps = (*steps, "move")
    if chance.random() < 0.3:
        steps = (*steps, "cancel")
    elif chance.random() < 0.4:
        steps = steps[: chance.randint(1, len(steps))]
    return Flow(
        site=site,
        steps=steps,
        card_name=chance.choice(CARDS),
        gives_up=chance.random() < 0.3,
    )


@contextmanager
def killing(site: Site, chance: random.Random, *, most: int) -> Iterator[list[str]]:
    """Kill one process after the other, and start it again, until the block is left."""
    kills: list[str] = []
    is_over = threading.Event()

    def work() -> None:
        while len(kills) < most and not is_over.wait(SECONDS_BETWEEN_KILLS / 2):
            victim = chance.choice(("web", "worker", "sandbox"))
            site.kill_and_start(victim)
            kills.append(f"kill -9 of {victim}")
            time.sleep(SECONDS_BETWEEN_KILLS / 2)

    killer = threading.Thread(target=work)
    killer.start()
    try:
        yield kills
    finally:
        is_over.set()
        killer.join(timeout=120)
        assert not killer.is_alive()
