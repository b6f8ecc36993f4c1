"""By night: every outside system fails in every way while workers are killed; none holds two."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import redis

from hmnp.dev.guard import Guard
from integrations.sms.tests.test_connector import noon_zone
from tests.faults.flows import WITHOUT_HOLD, Flow, run_all
from tests.faults.judging import judge
from tests.faults.own_redis import OwnRedis
from tests.faults.points import BY_CONNECTORS
from tests.faults.site import Site, running_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.night,
]

KILLS = 60
PAID = WITHOUT_HOLD[:-1]
# GoHighLevel's rate budget is kept, and takes its time.
ROUNDS = 1000
ACTIONS = (
    "timeout_before_commit",
    "timeout_after_commit",
    "error_500",
    "error_500_after_commit",
    "error_429",
    "reset",
    "reset_after_commit",
    "garbage",
)
SYSTEMS = ("ghl", "google", "proof", "twilio")
ZIP = "77573"
# Every booking is where it is noon, so that texts go out whatever the hour.
NOON = """
    CREATE FUNCTION where_it_is_noon() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.timezone := '{zone}';
        RETURN NEW;
    END $$;
    CREATE TRIGGER noon BEFORE INSERT ON bookings_booking
        FOR EACH ROW EXECUTE FUNCTION where_it_is_noon();
"""


@pytest.fixture(scope="module")
def own_redis() -> Iterator[OwnRedis]:
    """The Redis of this site, and of nobody else."""
    server = OwnRedis()
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, process_guard: Guard, own_redis: OwnRedis
) -> Iterator[Site]:
    """A site that tells every system outside."""
    with running_site(
        folder=tmp_path_factory.mktemp("outside"),
        guard=process_guard,
        name="outside",
        off="caldav",
        redis_base=own_redis.base,
    ) as made:
        made.rows(NOON.format(zone=noon_zone()))
        yield made


def _mobile(site: Site, count: int, *, first: int = 0) -> list[Flow]:
    """Give customers of mobile appointments a day apart, so that each can be driven to."""
    flows = []
    for number in range(count):
        (day,) = site.rows("SELECT (current_date + %s::int)::text", 2 + first + number)[0]
        start = site.free_starts(slug="extended-hours", first_day=day, zip_code=ZIP)[0]
        steps = (*PAID, "cancel") if number % 4 == 3 else PAID
        flows.append(
            Flow(
                site=site,
                steps=steps,
                slug="extended-hours",
                zip_code=ZIP,
                start=start,
                is_texted=number % 2 == 0,
            )
        )
    return flows


def _kill_workers(site: Site, stop: threading.Event, killed: Counter[str], seed: int) -> None:
    """Kill one of the worker's processes, or all of them, every half second."""
    chance = random.Random(seed)  # noqa: S311 -- chooses victims
    while not stop.is_set():
        if chance.random() < 0.3:
            site.kill_and_start("worker")
            killed["tree"] += 1
        else:
            parent = psutil.Process(site.children["worker"].process.pid)
            if children := parent.children():
                chance.choice(children).kill()
                killed["child"] += 1
        time.sleep(0.5)


def test_sixty_killed_workers_and_every_fault_leave_one_object_a_booking_and_system(
    site: Site,
) -> None:
    flows = [
        *_mobile(site, 24),
        *(Flow(site=site, steps=PAID, is_texted=True) for _ in range(16)),
        *(Flow(site=site, steps=(*PAID, "cancel")) for _ in range(8)),
    ]
    for system in SYSTEMS:
        for action in ACTIONS:
            site.fail(action, times=4, ms=1500, system=system)
    killed: Counter[str] = Counter()
    stop = threading.Event()
    killer = threading.Thread(target=_kill_workers, args=[site, stop, killed, len(flows)])
    killer.start()
    begun = time.monotonic()
    try:
        run_all(flows)
        while sum(killed.values()) < KILLS:
            for name in ("integrations.sweep_outbox", "integrations.sweep_inbox"):
                site.broker.send_task(name)
            site.rows("UPDATE integrations_outboxjob SET run_at = now() WHERE state = 'READY'")
            time.sleep(1)
    finally:
        stop.set()
        killer.join()
    site.quiesce(rounds=ROUNDS)
    print(f"{len(flows)} bookings, killed {dict(killed)}, {time.monotonic() - begun:.0f} s")  # noqa: T201 -- the night's figures
    judge(site, flows)
    assert len([flow for flow in flows if flow.made]) > len(flows) // 2
    _one_each(site, flows)


def test_dying_while_a_calendar_is_written_leaves_one_event(site: Site) -> None:
    site.arm(*BY_CONNECTORS)
    flows = _mobile(site, 4, first=30)
    run_all(flows)
    site.quiesce(rounds=ROUNDS)
    for flow in flows[:2]:
        flow.tried.append("cancel")
        flow.cancel()
    site.quiesce(rounds=ROUNDS)
    assert site.deaths().keys() == BY_CONNECTORS
    judge(site, flows)
    _one_each(site, flows)


def test_a_redis_that_forgets_everything_loses_no_job(site: Site) -> None:
    flows = _mobile(site, 3, first=45)
    broker = redis.Redis.from_url(site.live.environment["CELERY_BROKER_URL"])
    for flow in flows:
        flow.run()
        broker.flushdb()
        redis.Redis.from_url(site.live.environment["REDIS_URL"]).flushdb()
    site.kill_and_start("worker")
    site.quiesce(rounds=ROUNDS)
    judge(site, flows)
    _one_each(site, flows)


def test_a_redis_killed_again_and_again_stops_no_booking_and_loses_no_job(
    site: Site, own_redis: OwnRedis
) -> None:
    flows = [*_mobile(site, 6, first=50), *(Flow(site=site, steps=PAID) for _ in range(6))]
    for number, flow in enumerate(flows):
        # Every third step finds it dead, every third comes back to an empty one.
        for step in range(1, len(flow.steps) + 1):
            match (number + step) % 3:
                case 0:
                    own_redis.kill()
                case 1 if own_redis.process is not None and own_redis.process.poll() is not None:
                    own_redis.start()
            flow.run(until=step)
    if own_redis.process is not None and own_redis.process.poll() is not None:
        own_redis.start()
    site.connect_anew()
    assert [flow.name for flow in flows if flow.refusal or flow.lost] == []
    site.quiesce(rounds=ROUNDS)
    judge(site, flows)
    _one_each(site, flows)


def _one_each(site: Site, flows: list[Flow]) -> None:
    """Assert that each standing booking is once in each of its systems, a cancelled one nowhere."""
    ledger = site.ledger()
    appointments = Counter(
        one["title"].rpartition(" ")[2]
        for one in ledger["ghl_appointments"]
        if not one.get("deleted") and one["appointmentStatus"] not in ("cancelled", "invalid")
    )
    sessions = Counter(
        one["external_id"]
        for one in ledger["proof_transactions"]
        if one["detailed_status"] not in ("recalled", "deleted")
    )
    events = Counter(_bookings_of(ledger["google_events"]))
    texts = Counter(one["reference"] for one in ledger["sms"])
    wrong = []
    for flow in (flow for flow in flows if flow.made):
        booking, name = flow.booking(), flow.made["booking"]["id"]
        stands = int(booking["status"] == "CONFIRMED")
        held = {
            "GoHighLevel": (appointments[booking["reference"]], stands),
            "Proof": (sessions[name], stands if flow.slug == "ron" else 0),
            "Google": (events[name], stands if flow.zip_code else 0),
            "Twilio": (texts[booking["reference"]], _texts_wanted(site, name)),
        }
        wrong += [
            f"{flow.name} is {booking['status']}: {system} holds {count}, not {expected}"
            for system, (count, expected) in held.items()
            if count != expected
        ]
    assert wrong == []
    jobs = "SELECT destination, state FROM integrations_outboxjob WHERE state = 'DEAD'"
    assert site.rows(jobs) == []


def _texts_wanted(site: Site, booking_id: str) -> int:
    (row,) = site.rows(
        "SELECT count(*) FROM integrations_outboxjob "
        "WHERE booking_id = %s AND destination = 'sms' AND state = 'SUCCEEDED'",
        booking_id,
    )
    return int(row[0])


def _bookings_of(events: list[dict[str, Any]]) -> list[str]:
    return [
        event["extendedProperties"]["private"]["booking_id"]
        for event in events
        if event["status"] != "cancelled" and "extendedProperties" in event
    ]
