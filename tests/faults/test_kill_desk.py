"""kill -9 under staff, a bank, late money and a look at Stripe's books, at every point they name.

A night's test: each point is met by one deed, which is repeated as a person would repeat it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from hmnp.dev.processes import python_module
from integrations.leases import LEASE
from tests.faults.desk import mailed, money_page, staff
from tests.faults.flows import INTENT_FIRST, Flow, run_all
from tests.faults.judging import judge
from tests.faults.points import BY_LATE_MONEY, BY_OTHERS, BY_STAFF
from tests.faults.site import PATIENCE_SECONDS, Site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.night,
]

PAID = INTENT_FIRST[:-1]
FOREIGN = {
    "amount": "7000",
    "currency": "usd",
    "confirm": "true",
    "payment_method": "pm_card_visa",
    "automatic_payment_methods[enabled]": "true",
    "automatic_payment_methods[allow_redirects]": "never",
}


def test_dying_under_staff_a_bank_and_late_money_loses_and_doubles_nothing(site: Site) -> None:
    site.turn("webhooks", refund_seconds=0)
    site.arm(*BY_STAFF, *BY_LATE_MONEY, "dispute.recorded")
    # One after the other: who dies at a point takes every request of its process along, and
    # another deed would be over without having come to its own point.
    for deed in (
        _part_goes_back,
        _refund_fails,
        _cash_is_taken,
        _bank_asks_back,
        _money_comes_late,
    ):
        deed(site)
    site.quiesce()
    assert site.armed() == set()
    assert site.deaths().keys() == {*BY_STAFF, *BY_LATE_MONEY, "dispute.recorded"}
    judge(site)


def test_dying_over_stripes_own_records_refunds_a_strange_charge_once(site: Site) -> None:
    """The nightly look dies in the worker, the look by hand in its command."""
    site.arm("reconcile.recorded", "unknown.refunded")
    charge = site.sandbox.post(
        "/v1/payment_intents", data=FOREIGN, headers={"Authorization": "Bearer sk_test_sandbox"}
    ).json()
    site.foreign.add(charge["id"])
    site.broker.send_task("payments.reconcile")
    _wait(site, lambda: "reconcile.recorded" not in site.armed())
    case = "SELECT count(*) FROM desk_case WHERE key = %s AND closed_at IS NULL"
    key = f"UNKNOWN_CHARGE:intent:{charge['id']}"
    assert site.rows(case, key) == [(1,)]

    killed = site.manage("reconcile", "--grace", "0")
    assert killed.process.returncode == -signal.SIGKILL, killed.log_end()
    site.manage("reconcile", "--grace", "0")
    last = site.manage("reconcile", "--grace", "0")
    assert last.process.returncode == 0, last.log_end()
    assert site.rows(case, key) == [(0,)]
    refunds = [r for r in site.ledger()["refunds"] if r["payment_intent"] == charge["id"]]
    assert [refund["amount"] for refund in refunds] == [7000]
    assert site.deaths().keys() == BY_OTHERS - {"dispute.recorded"}
    # Its events are about nothing of ours, however long they wait.
    site.rows("UPDATE integrations_inboxevent SET give_up_at = now() WHERE state = 'PARKED'")
    site.quiesce()
    judge(site)


def _part_goes_back(site: Site) -> None:
    """Staff give a part back; the answer is lost, and the same form is sent again."""
    flow = Flow(site=site, steps=PAID).run()
    form = {"do": "refund", "payment": flow.opened["paymentId"], "form_key": "part"}
    staff(site).send(money_page(flow), **form, amount="10", reason="the door was locked")
    _wait(site, lambda: _sums(flow) == (_paid(flow), 1000))
    assert flow.booking()["status"] == "CONFIRMED"


def _refund_fails(site: Site) -> None:
    """The bank returns the refund twice: sent again by staff, then handed over."""
    flow = Flow(site=site, steps=(*PAID, "cancel"), card_name="pm_card_refundFail").run()
    desk = staff(site)
    for deed, count in (("again", 1), ("hand", 2)):
        failed = _await_failed(flow, count)
        desk.send(money_page(flow), do=deed, refund=str(failed), note="in an envelope")
    assert _sums(flow) == (_paid(flow), _paid(flow))
    assert len(_refunds(flow, "SUCCEEDED")) == 1
    assert flow.booking()["status"] == "CANCELLED"


def _await_failed(flow: Flow, count: int) -> UUID:
    """Wait until the bank has returned so many refunds; give the last one's id."""
    _wait(flow.site, lambda: len(_refunds(flow, "FAILED")) == count)
    return _refunds(flow, "FAILED")[-1]


def _cash_is_taken(site: Site) -> None:
    """Staff take cash for a booking that waits, and send the form again."""
    flow = Flow(site=site, steps=("hold", "book")).run()
    price = flow.booking()["due_now_cents"]
    form = {"do": "take", "method": "CASH", "note": "at the desk", "form_key": "cash"}
    staff(site).send(money_page(flow), **form, amount=f"{price / 100:.2f}")
    assert flow.booking()["status"] == "CONFIRMED"
    assert _sums(flow) == (price, 0)


def _bank_asks_back(site: Site) -> None:
    """A refund that staff promise waits for the bank; it goes once the dispute is won."""
    flow = Flow(site=site, steps=PAID).run()
    dispute = site.turn("disputes", payment_intent=flow.opened["paymentIntentId"])
    _wait(site, lambda: "dispute.recorded" not in site.armed())
    form = {"do": "refund", "payment": flow.opened["paymentId"], "form_key": "disputed"}
    staff(site).send(money_page(flow), **form, amount="5", reason="a courtesy")
    assert len(_refunds(flow, "REQUESTED")) == 1
    site.turn(f"disputes/{dispute['id']}/close", status="won")
    _wait(site, lambda: _sums(flow) == (_paid(flow), 500))


def _money_comes_late(site: Site) -> None:
    """One wins the same time again; of two who lose it, one takes another, one the money."""
    day = site.rows("SELECT to_char(current_date + 80, 'YYYY-MM-DD')")[0][0]
    starts = [s for s in site.free_starts(slug="ron", first_day=day) if s.startswith(day)]
    again = Flow(site=site, steps=("hold", "book", "intent"))
    chooses, declines = (
        Flow(site=site, steps=("hold", "book", "intent"), start=start) for start in starts[20:22]
    )
    flows = [again, chooses, declines]
    run_all(flows)
    ids = [flow.made["booking"]["id"] for flow in flows]
    lost = site.live._start("lose-times", python_module("tests.faults.lose_times", *ids))
    assert lost.process.wait(timeout=60) == 0, lost.log_end()
    # Nobody works that day any more.
    site.rows(
        "INSERT INTO bookings_notarydayoff (notary_id, first_day, last_day, reason) "
        "SELECT id, %s, %s, 'late' FROM bookings_notary",
        day,
        day,
    )
    for flow in flows:
        flow.card()
        flow.confirm()
    choice = "SELECT state FROM payments_latechoice WHERE booking_id = %s"
    for flow, form, ended in ((chooses, "time", "CHOSEN"), (declines, "back", "DECLINED")):
        booking_id = flow.made["booking"]["id"]
        _await_choice(flow)
        kept = site.rows(
            "SELECT id, starts_at FROM bookings_slotclaim WHERE holder_key = %s AND state = 'HELD'",
            f"late:{booking_id}",
        )
        assert len(kept) == 3
        mailed(flow).send(f"/manage/{booking_id}/late", **{form: str(kept[0][0])})
        assert site.rows(choice, booking_id) == [(ended,)]
        if form == "time":
            assert flow.booking()["starts_at"] == kept[0][1]
    site.rows("DELETE FROM bookings_notarydayoff WHERE reason = 'late'")
    _wait(site, lambda: _sums(declines) == (_paid(declines), _paid(declines)))
    assert [flow.booking()["status"] for flow in flows] == ["CONFIRMED", "CONFIRMED", "EXPIRED"]
    assert _sums(again) == (_paid(again), 0)
    assert _sums(chooses) == (_paid(chooses), 0)


def _await_choice(flow: Flow) -> None:
    _wait(flow.site, lambda: _is_mailed(flow))


def _is_mailed(flow: Flow) -> bool:
    mails = flow.site.sandbox.get("/_sandbox/mails", params={"to": flow.email}).json()["data"]
    return any(mail["metadata"].get("message") == "late_choice" for mail in mails)


def _paid(flow: Flow) -> int:
    return int(flow.booking()["due_now_cents"])


def _sums(flow: Flow) -> tuple[int, int]:
    booking = flow.booking()
    return booking["amount_paid_cents"], booking["amount_refunded_cents"]


def _refunds(flow: Flow, status: str) -> list[UUID]:
    rows = flow.site.rows(
        "SELECT id FROM payments_refund WHERE payment_id = %s AND status = %s "
        "ORDER BY requested_at",
        flow.opened["paymentId"],
        status,
    )
    return [refund_id for (refund_id,) in rows]


_LEFT = LEASE - timedelta(seconds=10)
# What a worker has had for ten seconds counts as a dead one's, and is free again.
LET_GO = f"""
    UPDATE integrations_outboxjob
        SET lease_until = clock_timestamp() - interval '1 s', rung_at = NULL
        WHERE state = 'RUNNING' AND lease_until < clock_timestamp() + interval '{_LEFT}';
    UPDATE integrations_inboxevent SET run_at = clock_timestamp() - interval '1 s'
        WHERE state IN ('RECEIVED', 'PARKED') AND run_at < clock_timestamp() + interval '{_LEFT}';
    UPDATE payments_payment SET run_at = clock_timestamp() WHERE late_since IS NOT NULL;
    UPDATE payments_refund SET run_at = clock_timestamp() - interval '1 s'
        WHERE status IN ('REQUESTED', 'PENDING') AND run_at < clock_timestamp() + interval '55 s';
"""  # noqa: S608 -- the only part put in is a constant


def _wait(site: Site, is_so: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what the worker does; the sweepers help, as they would every few seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, site.children["worker"].log_end(lines=40)
        time.sleep(0.5)
        site.rows(LET_GO)
        for name in ("integrations.sweep_outbox", "integrations.sweep_inbox", "payments.sweep"):
            site.broker.send_task(name)
