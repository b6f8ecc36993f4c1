"""The sweeper as a command, and within its budget."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from bookings.models import SlotClaim
from bookings.states import BookingStatus
from bookings.tests.factories import NOW, book
from payments.actions import sweep_payments as sweeping
from payments.models import Payment
from payments.tests.driving import Stripe
from payments.tests.steps import booking_now, open_for_booking, pay, run_out, sweep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


def test_the_command_does_what_is_due_and_says_so(
    stripe: Stripe, capsys: pytest.CaptureFixture[str]
) -> None:
    booking = book()
    run_out(SlotClaim.objects.get().pk)
    call_command("sweep")
    assert "claims closed:    1" in capsys.readouterr().out
    assert booking_now(booking).status == BookingStatus.EXPIRED


def test_nothing_is_begun_when_the_budget_is_spent(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    monkeypatch.setattr(sweeping, "BUDGET_SECONDS", -1)
    assert not sweep().done
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT
    monkeypatch.undo()
    assert sweep().done["payments"] == 1


def test_a_row_that_kills_the_sweeper_is_not_the_first_of_the_next(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = book()
    opened = open_for_booking(booking)

    def die(**_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(sweeping, "attend_payment", die)
    with pytest.raises(SystemExit):
        sweep()
    monkeypatch.undo()
    assert Payment.objects.get(pk=opened.payment.pk).run_at > NOW
    assert not sweep().done
