"""A worker really killed over a mail: no job is lost, no mail is sent twice, nobody is logged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from hmnp.dev.site import beat_command
from tests.faults.flows import INTENT_FIRST, Flow
from tests.faults.judging import judge
from tests.faults.site import Site

pytestmark = pytest.mark.slow

PAID = INTENT_FIRST.index("confirm") + 1


def wait_until(true: Callable[[], Any], *, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def mails(flow: Flow) -> list[Any]:
    answer = flow.site.sandbox.get("/_sandbox/mails", params={"to": flow.email})
    found: list[Any] = answer.json()["data"]
    return found


def job(flow: Flow) -> dict[str, Any]:
    """Read the row of the confirmation."""
    columns = "state, attempts, unknown_outcomes, external_id"
    [row] = flow.site.rows(
        f"SELECT {columns} FROM integrations_outboxjob "
        "WHERE booking_id = %s AND message_kind = 'confirmation'",
        flow.made["booking"]["id"],
    )
    return dict(zip(columns.split(", "), row, strict=True))


def test_a_worker_killed_while_it_sends_is_followed_by_one_that_looks_first(site: Site) -> None:
    flow = Flow(site=site, steps=INTENT_FIRST)
    site.fail("timeout_after_commit", ms=12_000, system="postmark", body=flow.email)
    flow.run(until=PAID)
    wait_until(lambda: mails(flow))
    site.kill("worker")
    assert (job(flow)["state"], job(flow)["attempts"]) == ("RUNNING", 1)

    site.start("worker")
    # Instead of waiting for it, the lease is moved into the past.
    site.quiesce(heals=False)
    judge(site, [flow])
    done = job(flow)
    assert (done["state"], done["attempts"], done["unknown_outcomes"]) == ("SUCCEEDED", 2, 1)
    assert [mail["id"] for mail in mails(flow)] == [done["external_id"]]
    told = (
        "SELECT count(*) FROM bookings_timelineevent WHERE booking_id = %s "
        "AND action = 'message_sent' AND metadata ->> 'message' = 'confirmation'"
    )
    assert site.rows(told, flow.made["booking"]["id"]) == [(1,)]

    logged = site.children["worker"].log.read_text()
    assert "integrations.run_job" in logged
    for canary in (flow.email, "@example.com", "Fault Customer", "555-0123", "token="):
        assert canary not in logged


def test_a_bell_that_nobody_heard_is_rung_again_by_the_sweep(site: Site) -> None:
    site.kill("worker")
    flow = Flow(site=site, steps=INTENT_FIRST).run(until=PAID)
    site.broker.control.purge()
    site.rows(
        "UPDATE integrations_outboxjob SET rung_at = now() - interval '60 s' WHERE booking_id = %s",
        flow.made["booking"]["id"],
    )
    assert (job(flow)["state"], mails(flow)) == ("READY", [])
    site.start("worker")
    site.broker.send_task("integrations.sweep_outbox")
    wait_until(lambda: job(flow)["state"] == "SUCCEEDED")
    assert (job(flow)["attempts"], len(mails(flow))) == (1, 1)


@pytest.mark.night
@pytest.mark.parametrize("dies", ["child", "tree"])
def test_a_killed_workers_job_is_begun_again_within_a_minute_by_the_schedule_alone(
    site: Site, dies: str, record_property: Callable[[str, object], None]
) -> None:
    schedule = site.live.folder / "celerybeat-schedule"
    site.children["beat"] = site.live._start("beat", beat_command(schedule=schedule))
    flow = Flow(site=site, steps=INTENT_FIRST)
    site.fail("timeout_after_commit", ms=12_000, system="postmark", body=flow.email)
    flow.run(until=PAID)
    wait_until(lambda: mails(flow))
    if dies == "tree":
        site.kill_and_start("worker")
    else:
        for child in psutil.Process(site.children["worker"].process.pid).children():
            child.kill()
    killed_at = time.monotonic()
    wait_until(lambda: job(flow)["attempts"] == 2, seconds=60)
    record_property(
        "measured", f"begun again {time.monotonic() - killed_at:.0f} s after its {dies} was killed"
    )
    wait_until(lambda: job(flow)["state"] == "SUCCEEDED")
    assert len(mails(flow)) == 1
    # The other tests say themselves when the sweepers run.
    site.children.pop("beat").kill()
