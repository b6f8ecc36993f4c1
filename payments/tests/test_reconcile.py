"""Stripe's records against ours, in both directions: each difference is made, found and ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from bookings.actions.cancel_booking import cancel_booking
from bookings.errors import InvalidStatusTransition
from bookings.models import Booking
from bookings.states import BookingStatus
from bookings.tests.crowd import together
from bookings.tests.factories import CUSTOMER, NOW, STAFF, book
from hmnp.core.errors import NotFound, ValidationFailed
from payments import tasks
from payments.actions.adopt_refund import adopt_refund
from payments.actions.open_payment import OpenedPayment
from payments.actions.reconcile_payments import reconcile_payments
from payments.actions.settle_payment import settle_payment
from payments.actions.take_undelivered import take_undelivered
from payments.books import Mismatch
from payments.ledger_sums import Sums, sums_of_payments
from payments.models import Payment, Refund
from payments.reconciliation import Report
from payments.states import PaymentStatus, RefundState
from payments.stripe_listing import list_intents, list_refunds
from payments.tests.driving import Stripe, free_port
from payments.tests.steps import (
    booking_now,
    breaches,
    cases,
    open_for_booking,
    pay,
    payment_now,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]

SINCE = NOW - timedelta(days=1)
NO_GRACE = timedelta(0)


def _look(grace: timedelta | None = timedelta(hours=24), *, is_read_only: bool = False) -> Report:
    return reconcile_payments(since=SINCE, now=NOW, grace=grace, is_read_only=is_read_only)


def _said(report: Report) -> list[tuple[str, str, str]]:
    return [(line.found.kind.value, line.found.subject, line.outcome) for line in report.lines]


def _kinds(report: Report) -> list[tuple[str, str]]:
    return [(line.found.kind.value, line.found.repair) for line in report.lines]


def _open_cases() -> list[tuple[str, str]]:
    return [(c.kind, c.repair) for c in cases().filter(closed_at__isnull=True).order_by("pk")]


def _opened() -> tuple[Booking, OpenedPayment]:
    booking = book()
    return booking, open_for_booking(booking)


def _paid(stripe: Stripe, card: str = "pm_card_visa") -> tuple[Booking, Payment]:
    booking, opened = _opened()
    pay(stripe, opened, card)
    return booking, settle_payment(payment_id=opened.payment.pk, now=NOW)


def _refunded(stripe: Stripe, card: str = "pm_card_visa") -> tuple[Payment, Refund]:
    booking, payment = _paid(stripe, card)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    return payment_now(payment), Refund.objects.get()


def _foreign_charge(stripe: Stripe, cents: int = 7000) -> str:
    intent = stripe.ask(
        "POST",
        "payment_intents",
        **{
            "amount": str(cents),
            "currency": "usd",
            "confirm": "true",
            "payment_method": "pm_card_visa",
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
        },
    )
    assert intent["status"] == "succeeded", intent
    return str(intent["id"])


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_nothing_differs_after_a_whole_life_of_a_payment(stripe: Stripe) -> None:
    _refunded(stripe)
    report = _look()
    assert (_said(report), report.intents, report.refunds) == ([], 1, 1)
    assert Mismatch.objects.count() == 0


def test_money_we_have_not_heard_of_is_settled(stripe: Stripe) -> None:
    booking, opened = _opened()
    pay(stripe, opened)
    assert payment_now(opened.payment).is_open
    subject = f"intent:{opened.payment.provider_intent_id}"
    assert _said(_look(is_read_only=True)) == [("STATUS_DIFFERS", subject, "found")]
    assert payment_now(opened.payment).is_open
    assert cases().count() == 0

    assert _said(_look()) == [("STATUS_DIFFERS", subject, "mended: settled, SUCCEEDED now")]
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert [(c.kind, c.repair, c.closed_how) for c in cases()] == [
        ("MISMATCH", "settle", "mended: settled, SUCCEEDED now")
    ]
    assert _said(_look()) == []
    assert breaches() == []


def test_an_intent_that_stripe_cancelled_ends_its_payment(stripe: Stripe) -> None:
    _, opened = _opened()
    stripe.ask("POST", f"payment_intents/{opened.payment.provider_intent_id}/cancel")
    assert [line.outcome for line in _look().lines] == ["mended: settled, CANCELLED now"]
    assert _said(_look()) == []


def test_a_refund_stripe_has_finished_is_finished_here(stripe: Stripe) -> None:
    _, refund = _refunded(stripe, "pm_card_pendingRefund")
    assert refund.status == RefundState.PENDING
    assert _said(_look()) == []
    stripe.turn("advance", {"seconds": 60})
    assert [line.outcome for line in _look().lines] == ["mended: settled, succeeded now"]
    assert Refund.objects.get().status == RefundState.SUCCEEDED
    assert _said(_look()) == []
    assert breaches() == []


def test_a_refund_that_failed_after_it_succeeded_is_reopened(stripe: Stripe) -> None:
    _, refund = _refunded(stripe, "pm_card_refundFail")
    assert refund.status == RefundState.SUCCEEDED
    stripe.turn("advance", {"seconds": 60})
    assert [line.outcome for line in _look().lines] == ["mended: settled, failed now"]
    assert Refund.objects.get().status == RefundState.FAILED
    assert _open_cases() == [("REFUND_FAILED", "send_again_or_by_hand")]
    assert _said(_look()) == []


def _wrong_amount(payment: Payment) -> str:
    return f"UPDATE payments_payment SET amount_cents = 4251 WHERE id = '{payment.pk}'"


def _wrong_books(payment: Payment) -> str:
    return f"""
        ALTER TABLE payments_ledgerentry DISABLE TRIGGER USER;
        UPDATE payments_ledgerentry SET amount_cents = amount_cents + sign(amount_cents)
        WHERE payment_id = '{payment.pk}';
        ALTER TABLE payments_ledgerentry ENABLE TRIGGER USER"""


def _ended_here(payment: Payment) -> str:
    return f"UPDATE payments_payment SET status = 'CANCELLED' WHERE id = '{payment.pk}'"


def _gone_there(payment: Payment) -> str:
    return f"UPDATE payments_payment SET provider_intent_id = 'pi_gone' WHERE id = '{payment.pk}'"


def _unnamed(payment: Payment) -> str:
    return f"""
        UPDATE payments_payment SET provider_intent_id = NULL, intent_metadata = '{{}}'
        WHERE id = '{payment.pk}'"""


PAYMENT_FAULTS = {
    "another amount here": (_wrong_amount, [("AMOUNT_DIFFERS", "look_at_payment")]),
    "another amount in the books": (_wrong_books, [("AMOUNT_DIFFERS", "look_at_payment")]),
    "paid there, ended here": (_ended_here, [("STATUS_DIFFERS", "refund_at_stripe")]),
    # Its own intent is nobody's then, in the other direction.
    "unknown there": (
        _gone_there,
        [("UNKNOWN_CHARGE", "refund_unknown_charge"), ("MISSING_THERE", "look_at_payment")],
    ),
    "paid here without any intent": (_unnamed, [("MISSING_THERE", "look_at_payment")]),
}


@pytest.mark.parametrize(("fault", "expected"), PAYMENT_FAULTS.values(), ids=list(PAYMENT_FAULTS))
def test_a_payment_that_differs_is_a_case_until_it_does_not(
    stripe: Stripe, fault: Callable[[Payment], str], expected: list[tuple[str, str]]
) -> None:
    _, payment = _paid(stripe)
    before = Payment.objects.filter(pk=payment.pk).values().get()
    _sql(fault(payment))
    for _ in range(3):
        assert sorted(_kinds(_look())) == sorted(expected)
    assert sorted(repair for _, repair in _open_cases()) == sorted(r for _, r in expected)
    assert Mismatch.objects.count() == len(expected)
    assert stripe.refunds() == []

    Payment.objects.filter(pk=payment.pk).update(**before)
    if fault is _wrong_books:
        _sql(_wrong_books(payment).replace("+ sign", "- sign"))
    assert _said(_look()) == []
    assert _open_cases() == []
    assert {c.closed_how for c in cases()} == {"A later look finds no difference."}
    assert Mismatch.objects.filter(resolved_at__isnull=True).count() == 0


def test_money_we_count_and_stripe_does_not_have_is_a_case(stripe: Stripe) -> None:
    _, opened = _opened()
    _sql(
        "UPDATE payments_payment SET status = 'SUCCEEDED', amount_captured_cents = amount_cents"
        f" WHERE id = '{opened.payment.pk}'"
    )
    assert _kinds(_look()) == [("STATUS_DIFFERS", "look_at_payment")]
    assert _open_cases() == [("MISMATCH", "look_at_payment")]


def test_an_intent_that_may_still_bring_money_to_an_ended_payment_is_a_case(
    stripe: Stripe,
) -> None:
    _, opened = _opened()
    _sql(_ended_here(opened.payment))
    assert _kinds(_look()) == [("STATUS_DIFFERS", "cancel_at_stripe")]
    stripe.ask("POST", f"payment_intents/{opened.payment.provider_intent_id}/cancel")
    assert _said(_look()) == []
    assert _open_cases() == []


def test_an_unpaid_intent_of_nobody_is_a_case(stripe: Stripe) -> None:
    intent = stripe.ask("POST", "payment_intents", amount="900", currency="usd")
    assert _said(_look()) == [("MISSING_HERE", f"intent:{intent['id']}", "a case")]
    stripe.ask("POST", f"payment_intents/{intent['id']}/cancel")
    assert _said(_look()) == []
    assert _open_cases() == []


REFUND_FAULTS = {
    "another amount": ("amount_cents = amount_cents - 1", "AMOUNT_DIFFERS"),
    "failed here": ("status = 'FAILED'", "STATUS_DIFFERS"),
    "unknown there": ("provider_refund_id = 're_gone'", "MISSING_THERE"),
}


@pytest.mark.parametrize(("change", "kind"), REFUND_FAULTS.values(), ids=list(REFUND_FAULTS))
def test_a_refund_that_differs_is_a_case_until_it_does_not(
    stripe: Stripe, change: str, kind: str
) -> None:
    _, refund = _refunded(stripe)
    before = Refund.objects.filter(pk=refund.pk).values().get()
    _sql(f"UPDATE payments_refund SET {change} WHERE id = '{refund.pk}'")  # noqa: S608 -- ours
    for _ in range(2):
        assert (kind, "look_at_refund") in _kinds(_look())
    assert ("MISMATCH", "look_at_refund") in _open_cases()
    Refund.objects.filter(pk=refund.pk).update(**before)
    assert _said(_look()) == []
    assert _open_cases() == []


def test_a_refund_we_count_without_a_name_is_a_case(stripe: Stripe) -> None:
    _, refund = _refunded(stripe)
    Refund.objects.filter(pk=refund.pk).update(provider_refund_id=None)
    subjects = [line.found.subject for line in _look().lines]
    assert f"our-refund:{refund.pk}" in subjects


def test_a_refund_made_at_stripes_own_page_is_a_case(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    made = stripe.ask(
        "POST", "refunds", payment_intent=str(payment.provider_intent_id), amount="100"
    )
    assert _said(_look()) == [("REFUND_UNKNOWN", f"refund:{made['id']}", "a case")]
    [case] = cases().filter(closed_at__isnull=True)
    assert (case.kind, case.repair, case.booking_id) == ("MISMATCH", "record_refund", booking.pk)
    assert case.details == {"amount_cents": 100}


def test_money_for_an_ended_payment_is_over_once_it_has_gone_back(stripe: Stripe) -> None:
    _, opened = _opened()
    pay(stripe, opened)
    _sql(_ended_here(opened.payment))
    assert _kinds(_look()) == [("STATUS_DIFFERS", "refund_at_stripe")]
    stripe.ask("POST", "refunds", payment_intent=str(opened.payment.provider_intent_id))
    assert _said(_look()) == []
    assert _open_cases() == []


def test_a_refund_made_there_is_counted_once_somebody_says_why(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    made = stripe.ask(
        "POST", "refunds", payment_intent=str(payment.provider_intent_id), amount="100"
    )
    _look()
    with pytest.raises(ValidationFailed):
        adopt_refund(provider_refund_id=made["id"], note=" ", actor=STAFF, now=NOW)
    assert Refund.objects.count() == 0
    for _ in range(2):
        adopt_refund(provider_refund_id=made["id"], note="goodwill", actor=STAFF, now=NOW)
    refund = Refund.objects.get()
    assert (refund.status, refund.note) == (RefundState.SUCCEEDED, "goodwill")
    assert booking_now(booking).amount_refunded_cents == 100
    assert sums_of_payments(payment_ids=[payment.pk])[payment.pk] == Sums(4250, 100)
    assert _said(_look()) == []
    assert _open_cases() == []
    assert breaches() == []


def test_a_refund_of_promised_money_is_not_counted_twice(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    made = stripe.ask("POST", "refunds", payment_intent=str(payment.provider_intent_id))
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    with pytest.raises(InvalidStatusTransition):
        adopt_refund(provider_refund_id=made["id"], note="why", actor=STAFF, now=NOW)
    assert Refund.objects.count() == 1


def test_a_refund_of_a_foreign_charge_cannot_be_counted(stripe: Stripe) -> None:
    made = stripe.ask("POST", "refunds", payment_intent=_foreign_charge(stripe))
    with pytest.raises(NotFound):
        adopt_refund(provider_refund_id=made["id"], note="why", actor=STAFF, now=NOW)
    assert Refund.objects.count() == 0


def test_an_unknown_charge_waits_a_day_and_then_goes_back_once(stripe: Stripe) -> None:
    intent_id = _foreign_charge(stripe)
    assert _said(_look()) == [("UNKNOWN_CHARGE", f"intent:{intent_id}", "a case")]
    assert _open_cases() == [("UNKNOWN_CHARGE", "refund_unknown_charge")]
    assert stripe.refunds() == []
    nearly = NOW + timedelta(hours=23)
    reconcile_payments(since=SINCE, now=nearly)
    assert stripe.refunds() == []

    later = NOW + timedelta(hours=25)
    report = reconcile_payments(since=SINCE, now=later)
    assert [line.outcome for line in report.lines] == ["mended: Refunded $70.00 at Stripe."]
    [refund] = stripe.refunds()
    assert (refund["amount"], refund["metadata"]) == (7000, {"unknown_charge": intent_id})
    assert _open_cases() == []
    assert reconcile_payments(since=SINCE, now=later).lines == []
    assert len(stripe.refunds()) == 1


def test_of_an_unknown_charge_only_what_is_left_goes_back(stripe: Stripe) -> None:
    intent_id = _foreign_charge(stripe)
    stripe.ask("POST", "refunds", payment_intent=intent_id, amount="2500")
    _look(NO_GRACE)
    assert sorted(refund["amount"] for refund in stripe.refunds()) == [2500, 4500]
    assert _said(_look(NO_GRACE)) == []


def test_a_second_intent_of_one_payment_is_an_unknown_charge(stripe: Stripe) -> None:
    """The metadata names a payment that another intent has paid."""
    _, payment = _paid(stripe)
    twin = _foreign_charge(stripe, 4250)
    stripe.ask("POST", f"payment_intents/{twin}", **{"metadata[payment_id]": str(payment.pk)})
    assert _said(_look()) == [("UNKNOWN_CHARGE", f"intent:{twin}", "a case")]
    _look(NO_GRACE)
    assert [refund["payment_intent"] for refund in stripe.refunds()] == [twin]
    assert payment_now(payment).status == PaymentStatus.SUCCEEDED


@pytest.mark.parametrize(
    "fault", ["timeout_after_commit", "error_500_after_commit", "error_500", "error_429"]
)
def test_a_refund_of_an_unknown_charge_survives_a_bad_line(stripe: Stripe, fault: str) -> None:
    """Whatever Stripe answers: in the end exactly one refund."""
    _foreign_charge(stripe)
    stripe.fail(fault, path="/v1/refunds", times=3, ms=10)
    for _ in range(3):
        _look(NO_GRACE)
    stripe.heal()
    _look(NO_GRACE)
    assert [refund["amount"] for refund in stripe.refunds()] == [7000]
    assert _said(_look(NO_GRACE)) == []
    assert _open_cases() == []


def test_two_runs_at_once_refund_an_unknown_charge_once(stripe: Stripe) -> None:
    for _ in range(3):
        _foreign_charge(stripe)
    crowd = together(2, lambda _: _look(NO_GRACE))
    assert crowd.errors == []
    assert _said(_look(NO_GRACE)) == []
    assert [refund["amount"] for refund in stripe.refunds()] == [7000] * 3
    assert _open_cases() == []


def test_nothing_is_refunded_while_the_setting_says_so(stripe: Stripe) -> None:
    _foreign_charge(stripe)
    assert [line.outcome for line in _look(None).lines] == ["a case"]
    assert stripe.refunds() == []


def test_more_than_a_page_is_compared(stripe: Stripe) -> None:
    """The first made is the last listed, on the second page."""
    booking, opened = _opened()
    pay(stripe, opened)
    for _ in range(120):
        intent = stripe.ask("POST", "payment_intents", amount="900", currency="usd")
        stripe.ask("POST", f"payment_intents/{intent['id']}/cancel")
    assert len({intent.id for intent in list_intents(since=SINCE)}) == 121
    report = _look()
    assert report.intents == 121
    assert [line.outcome for line in report.lines] == ["mended: settled, SUCCEEDED now"]
    assert booking_now(booking).status == BookingStatus.CONFIRMED


def test_more_than_a_page_of_refunds_is_compared(stripe: Stripe) -> None:
    _, payment = _paid(stripe)
    for _ in range(105):
        stripe.ask("POST", "refunds", payment_intent=str(payment.provider_intent_id), amount="1")
    assert len({refund.id for refund in list_refunds(since=SINCE)}) == 105
    report = _look(is_read_only=True)
    assert _kinds(report) == [("REFUND_UNKNOWN", "record_refund")] * 105


def _deaf_endpoint(stripe: Stripe) -> None:
    """Have Stripe deliver to where nobody listens."""
    url = f"http://127.0.0.1:{free_port()}/hooks"
    stripe.turn("webhook_endpoints", {"url": url, "secret": "whsec_nobody"})


def test_undelivered_events_are_taken_once(stripe: Stripe) -> None:
    _deaf_endpoint(stripe)
    booking, opened = _opened()
    pay(stripe, opened)
    report = take_undelivered(since=SINCE, now=NOW)
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert {line.found.kind.value for line in report.lines} == {"UNDELIVERED"}
    assert {line.outcome for line in report.lines} <= {"taken", "taken: of no interest"}
    assert take_undelivered(since=SINCE, now=NOW).lines == []
    assert _open_cases() == []
    # Stripe still lists them: what was taken is known by our rows.
    assert _said(_look()) == []


def test_an_event_that_cannot_be_taken_stays_a_case_until_it_can(stripe: Stripe) -> None:
    _deaf_endpoint(stripe)
    booking, opened = _opened()
    pay(stripe, opened)
    stripe.fail("error_500", path="/v1/payment_intents/", method="GET", times=-1)
    report = take_undelivered(since=SINCE, now=NOW)
    assert any(line.outcome.startswith("not taken: ") for line in report.lines)
    assert ("MISMATCH", "take_again") in _open_cases()
    stripe.heal()
    take_undelivered(since=SINCE, now=NOW)
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert _open_cases() == []


class TestCommand:
    """`manage.py reconcile`."""

    SINCE = ("--since", f"{SINCE:%Y-%m-%dT%H:%M}")

    def _run(self, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
        try:
            call_command("reconcile", *self.SINCE, *more)
        except CommandError as error:
            return error.returncode, capsys.readouterr().out
        return 0, capsys.readouterr().out

    def test_it_exits_with_0_when_nothing_differs(
        self, stripe: Stripe, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _paid(stripe)
        code, said = self._run(capsys)
        assert code == 0
        assert said == "Compared 1 payments and 0 refunds of Stripe's: no difference.\n"

    def test_it_exits_with_1_on_a_difference_and_0_once_it_is_mended(
        self, stripe: Stripe, capsys: pytest.CaptureFixture[str]
    ) -> None:
        intent_id = _foreign_charge(stripe)
        code, said = self._run(capsys, "--read-only")
        assert code == 1
        assert said.splitlines()[0].split() == ["DIFFERENCE", "OBJECT", "WHAT", "OUTCOME"]
        assert f"UNKNOWN_CHARGE  intent:{intent_id}" in said
        assert stripe.refunds() == []
        assert cases().count() == 0
        assert self._run(capsys, "--grace", "0")[0] == 1
        assert self._run(capsys, "--grace", "0")[0] == 0
        assert len(stripe.refunds()) == 1

    def test_it_exits_with_2_when_stripe_cannot_be_asked(
        self, stripe: Stripe, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _paid(stripe)
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{free_port()}"
        assert self._run(capsys)[0] == 2

    def test_it_counts_a_refund_made_there_and_looks_again(
        self, stripe: Stripe, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, payment = _paid(stripe)
        made = stripe.ask(
            "POST", "refunds", payment_intent=str(payment.provider_intent_id), amount="100"
        )
        assert self._run(capsys, "--record-refund", made["id"])[0] == 1
        assert Refund.objects.count() == 0
        code, said = self._run(capsys, "--record-refund", made["id"], "--reason", "goodwill")
        assert code == 0
        assert said.startswith(f"{made['id']}: 100 cents, SUCCEEDED here.")

    def test_the_setting_keeps_it_from_refunding(
        self, stripe: Stripe, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings.STRIPE_REFUND_UNKNOWN_CHARGES = False
        _foreign_charge(stripe)
        assert self._run(capsys, "--grace", "0")[0] == 1
        assert stripe.refunds() == []


def test_the_nightly_task_and_the_ten_minutes_one_do_the_same(stripe: Stripe) -> None:
    _deaf_endpoint(stripe)
    booking, opened = _opened()
    pay(stripe, opened)
    tasks.take_undelivered_events()
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    _sql(_wrong_amount(payment_now(opened.payment)))
    tasks.reconcile()
    assert _open_cases() == [("MISMATCH", "look_at_payment")]
