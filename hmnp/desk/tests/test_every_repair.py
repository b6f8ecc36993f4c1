"""Every repair there is, pressed at the case's page by whoever may; a new one without a row fails.

A row says how the trouble comes about, who may mend it, and what is true afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from bookings.actions.cancel_booking import cancel_booking
from bookings.models import Booking, Notary, SlotClaim
from bookings.tests.browsing import text_of
from bookings.tests.factories import NOW, STAFF, book, hold
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.core.transactions import database_now
from hmnp.desk import repairs, wording
from hmnp.desk.case_ways import ways_for
from hmnp.desk.models import Case, CaseDeed
from hmnp.desk.roles import ROLES
from integrations import destinations
from integrations.models import OutboxJob
from integrations.states import Destination
from integrations.tests.test_outbox import claim, fail, message
from payments.actions.attend_payment import attend_payment
from payments.actions.reconcile_payments import reconcile_payments
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.refund_payment import refund_payment
from payments.actions.settle_payment import settle_payment
from payments.models import LateChoice, Payment, Refund
from payments.refund_cases import open_refund_case
from payments.states import PaymentMethod
from payments.tests.conftest import _running_stripe as _running_stripe
from payments.tests.conftest import notary as notary
from payments.tests.conftest import stripe as stripe
from payments.tests.driving import Stripe
from payments.tests.steps import lose_the_time, open_for_booking, pay, sweep
from payments.tests.test_reconcile import _foreign_charge as foreign_charge
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("notary")]

OWNER, DISPATCHER, FINANCE, NOTARY = ROLES
LEAD, MONEY, DESK = (OWNER, DISPATCHER), (OWNER, FINANCE), (OWNER, DISPATCHER, FINANCE)


@dataclass(frozen=True)
class Trouble:
    """One repair: how its case comes about, and what must be true once it was pressed."""

    kind: CaseKind
    code: str
    may: tuple[str, ...]
    arrange: Callable[[Stripe], object]
    is_done: Callable[[Stripe], object]
    words: str = ""
    # What happens outside of the click before the case is over: a worker's turn.
    worker: Callable[[Stripe], object] | None = None
    closes: bool = field(default=True)


def opened(kind: CaseKind, **more: Any) -> None:
    """Open a case as the floor that owns the trouble would."""
    booking = book(actor=STAFF)
    OutboxJob.objects.all().delete()
    facts = {"key": uuid4().hex, "subject": f"booking:{booking.pk}", "repair": "", **more}
    transactions.run(
        lambda: open_case(kind=kind, summary="Something.", booking_id=booking.pk, **facts)
    )


def look(_: object) -> None:
    reconcile_payments(since=NOW - timedelta(days=1), now=NOW, grace=timedelta(hours=24))


def a_dead_job(_: Stripe) -> None:
    booking = book(actor=STAFF)
    OutboxJob.objects.all().delete()
    assert fail(claim(message(booking)), permanent=True)


def a_paused_system(_: Stripe) -> None:
    destinations.pause(destination=Destination.GHL, by=destinations.SYSTEM, reason="401")


def late_money(stripe: Stripe) -> None:
    booking = book()
    opened_payment = open_for_booking(booking)
    pay(stripe, opened_payment)
    lose_the_time(booking)
    hold()
    settle_payment(payment_id=opened_payment.payment.pk, now=NOW)


def a_slow_bank(stripe: Stripe) -> None:
    booking = book()
    opened_payment = open_for_booking(booking)
    pay(stripe, opened_payment, "pm_sandbox_processing")
    settle_payment(payment_id=opened_payment.payment.pk, now=NOW)
    long_ago = database_now() - timedelta(minutes=46)
    over = long_ago + timedelta(minutes=45)
    SlotClaim.objects.update(held_at=long_ago, expires_at=over, max_expires_at=over)
    sweep(now=NOW + timedelta(minutes=5))
    sweep(now=NOW + timedelta(minutes=10))
    stripe.turn("advance", {"seconds": 3600})


def paid_in_cash(*, cents: int = 8500) -> Booking:
    booking = book(actor=STAFF)
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=cents,
        method=PaymentMethod.CASH,
        note="",
        actor=STAFF,
        now=NOW,
    )
    return booking


def a_failed_refund(_: object) -> None:
    booking = paid_in_cash()
    Payment.objects.update(method="CARD")
    refund_payment(
        payment_id=Payment.objects.get().pk, amount_cents=1000, reason="late", actor=STAFF, now=NOW
    )
    Refund.objects.update(status="FAILED", last_error="expired_card")
    refund = Refund.objects.get()
    transactions.run(lambda: open_refund_case(refund=refund, booking_id=booking.pk))


def cash_owed_back(_: Stripe) -> None:
    booking = paid_in_cash()
    cancel_booking(booking_id=booking.pk, reason="x", actor=STAFF, now=NOW, by_us=True)


def a_charge_of_nobody(stripe: Stripe) -> None:
    foreign_charge(stripe)
    look(stripe)


def a_refund_made_there(stripe: Stripe) -> None:
    opened_payment = open_for_booking(book())
    pay(stripe, opened_payment)
    payment = settle_payment(payment_id=opened_payment.payment.pk, now=NOW)
    stripe.ask("POST", "refunds", payment_intent=str(payment.provider_intent_id), amount="100")
    look(stripe)


def an_intent_that_was_cancelled_since(stripe: Stripe) -> None:
    intent = stripe.ask("POST", "payment_intents", amount="900", currency="usd")
    look(stripe)
    stripe.ask("POST", f"payment_intents/{intent['id']}/cancel")


def rung(_: object) -> list[str]:
    """Give the payments' tasks that were asked for."""
    found = [
        json.loads(raw)["headers"]["task"]
        for raw in redis.Redis.from_url(settings.CELERY_BROKER_URL).lrange("celery", 0, -1)
    ]
    return [name for name in found if name in ("payments.attend", "payments.reconcile")]


def attended(_: Stripe) -> None:
    attend_payment(payment_id=Payment.objects.get().pk, now=NOW + timedelta(hours=1))


def given_back(_: Stripe) -> bool:
    choice = LateChoice.objects.get()
    return choice.state == "DECLINED" and Refund.objects.get().amount_cents == 4250


TROUBLES = (
    Trouble(
        CaseKind.INTEGRATION_DEAD,
        "replay",
        LEAD,
        a_dead_job,
        lambda _: OutboxJob.objects.get().state == "READY",
    ),
    Trouble(
        CaseKind.INTEGRATION_PAUSED,
        "resume",
        LEAD,
        a_paused_system,
        lambda _: not destinations.is_shut(destination=Destination.GHL),
    ),
    Trouble(CaseKind.LATE_PAYMENT, "give-back", MONEY, late_money, given_back),
    Trouble(
        CaseKind.PROCESSING_TOO_LONG,
        "ask",
        DESK,
        a_slow_bank,
        lambda stripe: "payments.attend" in rung(stripe),
        worker=attended,
    ),
    Trouble(
        CaseKind.REFUND_FAILED,
        "again",
        MONEY,
        a_failed_refund,
        lambda _: Refund.objects.filter(reason_key__startswith="again-").count() == 1,
    ),
    Trouble(
        CaseKind.REFUND_FAILED,
        "hand",
        MONEY,
        a_failed_refund,
        lambda _: Refund.objects.filter(status="SUCCEEDED", note="in cash").count() == 1,
        words="in cash",
    ),
    Trouble(
        CaseKind.REFUND_NOT_COVERED,
        "hand",
        MONEY,
        cash_owed_back,
        lambda _: Refund.objects.get().status == "SUCCEEDED",
        words="at the office",
    ),
    Trouble(
        CaseKind.UNKNOWN_CHARGE,
        "refund-unknown",
        MONEY,
        a_charge_of_nobody,
        lambda stripe: [refund["amount"] for refund in stripe.refunds()] == [7000],
    ),
    Trouble(
        CaseKind.MISMATCH,
        "record-refund",
        MONEY,
        a_refund_made_there,
        lambda _: (
            list(Refund.objects.values_list("status", "amount_cents", "note"))
            == [("SUCCEEDED", 100, "goodwill")]
            and Booking.objects.get().amount_refunded_cents == 100
        ),
        words="goodwill",
    ),
    Trouble(
        CaseKind.MISMATCH,
        "compare",
        DESK,
        an_intent_that_was_cancelled_since,
        lambda stripe: "payments.reconcile" in rung(stripe),
        worker=look,
    ),
    Trouble(
        CaseKind.DISPUTE,
        "pay-link",
        DESK,
        lambda _: opened(CaseKind.DISPUTE, key="dispute:x:lost", repair="cancel_or_collect"),
        lambda _: OutboxJob.objects.filter(message_kind="pay_link").count() == 1,
        # It waits for the money, or for somebody to cancel the booking.
        closes=False,
    ),
    *(
        Trouble(
            kind,
            "resync",
            LEAD,
            lambda _, kind=kind: opened(  # type: ignore[misc]  # each its own kind
                kind, repair="resync", system=Destination.GOOGLE_CALENDAR.value
            ),
            lambda _: (
                OutboxJob.objects.filter(destination="google_calendar", kind="SYNC").count() == 1
            ),
        )
        for kind in (CaseKind.OUTSIDE_CHANGE, CaseKind.OUTSIDE_MISMATCH)
    ),
)
# What only a person can decide: the case leads to the page where it is done.
ONLY_WAYS = {
    CaseKind.CALENDAR_CLASH,
    CaseKind.KBA_FAILED,
    CaseKind.MESSAGE_BOUNCED,
    CaseKind.V1_CONFLICT,
    CaseKind.V1_IMPORT,
}


def staff_of(role: str) -> Client:
    """Give the browser of somebody in this role alone."""
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    browser = Client()
    open_desk(browser, user)
    return browser


def test_every_kind_and_every_repair_has_a_row() -> None:
    known = {one.code for one in vars(repairs).values() if isinstance(one, repairs.Repair)}
    assert {trouble.code for trouble in TROUBLES} == known
    assert {trouble.kind for trouble in TROUBLES} | ONLY_WAYS == set(CaseKind)
    assert not {trouble.kind for trouble in TROUBLES} & ONLY_WAYS


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: f"{one.kind.value}-{one.code}")
def test_a_repair_is_a_button_that_mends_it_once_for_whoever_may(
    trouble: Trouble, stripe: Stripe
) -> None:
    call_command("load_roles")
    trouble.arrange(stripe)
    redis.Redis.from_url(settings.CELERY_BROKER_URL).delete("celery")
    case = Case.objects.get(closed_at__isnull=True)
    assert case.kind == trouble.kind
    page = f"/admin/desk/case/{case.pk}/change/"
    button = f'name="do" value="{trouble.code}"'
    pressed = {"do": trouble.code, "words": trouble.words}

    for role in sorted(set(ROLES) - set(trouble.may)):
        refused = staff_of(role)
        shown = refused.get(page)
        assert role == NOTARY or button not in shown.content.decode(), role
        assert refused.post(page, pressed).status_code == 403, role
    assert not trouble.is_done(stripe)
    assert not CaseDeed.objects.exists()

    for role in trouble.may:
        browser = staff_of(role)
        assert button in browser.get(page).content.decode(), role
    if trouble.words:
        assert "Say this too" in text_of(browser.post(page, {**pressed, "words": " "}, follow=True))
        assert not trouble.is_done(stripe)
    for _ in range(2):
        browser.post(page, pressed)
        assert trouble.is_done(stripe)
    if trouble.worker:
        trouble.worker(stripe)
        assert trouble.is_done(stripe)
    case.refresh_from_db()
    assert (case.closed_at is not None) == trouble.closes
    deed = CaseDeed.objects.filter(deed="REPAIRED")[0]
    assert deed.user.username == trouble.may[-1]
    after = browser.get(page)
    assert f"Done by {trouble.may[-1]} {deed.words}" in text_of(after)
    assert (button in after.content.decode()) != trouble.closes


def test_a_kind_without_a_repair_leads_to_where_it_is_done(
    catalogue: Catalogue, notary: Notary
) -> None:
    booking = book(actor=STAFF)
    for kind in CaseKind:
        case = Case(kind=kind.value, key="k", subject="s:1", booking_id=booking.pk, opened_at=NOW)
        ways = [way for way in ways_for(case) if way.url]
        assert ways if kind in ONLY_WAYS else ways or repairs.repairs_for(case), kind
        assert wording.kind_in_words(kind.value), kind
