"""A partner's month: which bookings are in it, what each costs, and that the books say the same."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.complete_booking import complete_booking
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.start_booking import start_booking
from bookings.models import Booking, Notary
from bookings.states import BookingStatus
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, book, customer
from hmnp.accounts.models import Partner, Terms
from hmnp.core.spreadsheets import harmless
from payments.actions.record_offline_payment import record_offline_payment
from payments.statement_file import COLUMNS, file_name, statement_csv
from payments.statements import Month, Statement, month_before, statement_of
from payments.states import PaymentMethod
from payments.tests.steps import breaches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("notary")]

MARCH = Month(2027, 3)
# March begins at midnight of winter time and ends at midnight of summer time.
BEGIN, END = datetime(2027, 3, 1, 6, tzinfo=UTC), datetime(2027, 4, 1, 5, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def partner(notary: Notary) -> Partner:
    """A title company that pays by the month."""
    return Partner.objects.create(name="Gulf Title", terms=Terms.STATEMENT)


def booked(partner: Partner, *, hours: int = 0, name: str = "Ada Customer") -> Booking:
    booking = book(
        partner=partner, starts_at=TUESDAY_10 + timedelta(hours=hours), who=customer(name=name)
    )
    assert (booking.status, booking.due_now_cents) == (BookingStatus.CONFIRMED, 0)
    return booking


def done(booking: Booking, at: datetime) -> Booking:
    start_booking(booking_id=booking.pk, actor=STAFF, now=at)
    return complete_booking(booking_id=booking.pk, actor=STAFF, now=at)


def paid(booking: Booking, cents: int) -> None:
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=cents,
        method=PaymentMethod.CHEQUE,
        note="check 1001",
        actor=STAFF,
        now=NOW,
        request_key=f"{booking.pk}-{cents}"[:40],
    )


def read(partner: Partner, month: Month = MARCH) -> Statement:
    return statement_of(partner=partner, month=month)


def test_a_month_begins_and_ends_at_midnight_in_houston(partner: Partner) -> None:
    moments = (BEGIN - INSTANT, BEGIN, END - INSTANT, END)
    references = [
        done(booked(partner, hours=number * 2), at).reference for number, at in enumerate(moments)
    ]
    months = [
        [line.booking.reference for line in read(partner, month).lines]
        for month in (MARCH.previous(), MARCH, MARCH.next())
    ]
    assert months == [references[:1], references[1:3], references[3:]]


def test_only_the_partners_own_bookings_that_have_ended_are_in_it(partner: Partner) -> None:
    other = Partner.objects.create(name="Bay Law", terms=Terms.STATEMENT)
    mine = done(booked(partner), TUESDAY_10)
    done(booked(other, hours=3), TUESDAY_10)
    booked(partner, hours=5)
    done(book(actor=STAFF, starts_at=TUESDAY_10 + timedelta(days=1)), TUESDAY_10)
    statement = read(partner)
    assert [line.booking for line in statement.lines] == [mine]
    assert (statement.charge_cents, statement.paid_cents, statement.due_cents) == (8500, 0, 8500)
    assert sum(one.amount_cents for one in statement.lines[0].price_lines) == 8500


def test_what_was_paid_elsewhere_is_by_the_books_and_what_is_due_is_the_bookings_balance(
    partner: Partner,
) -> None:
    half, whole = booked(partner), booked(partner, hours=3)
    paid(half, 4000)
    done(half, TUESDAY_10)
    done(whole, TUESDAY_10 + timedelta(hours=4))
    paid(whole, 8500)
    statement = read(partner)
    assert [(one.charge_cents, one.paid_cents, one.due_cents) for one in statement.lines] == [
        (8500, 4000, 4500),
        (8500, 8500, 0),
    ]
    for line in statement.lines:
        line.booking.refresh_from_db()
        assert line.paid_cents == line.booking.net_paid_cents
        assert line.due_cents == line.booking.balance_due_cents
    assert statement.due_cents == 4500
    assert breaches() == []


def test_a_fee_that_was_kept_is_told_and_what_cost_nothing_is_not(partner: Partner) -> None:
    late, early, absent = (booked(partner, hours=hours) for hours in (0, 3, 6))
    paid(late, 4000)
    cancel_booking(
        booking_id=late.pk, reason="", actor=STAFF, now=TUESDAY_10 - timedelta(minutes=90)
    )
    # Nothing was paid, so there is nothing to keep: what the policy asks beyond that is waived.
    cancel_booking(booking_id=early.pk, reason="", actor=STAFF, now=NOW)
    mark_no_show(booking_id=absent.pk, actor=STAFF, now=TUESDAY_10 + timedelta(hours=7))
    [line] = read(partner).lines
    assert (line.booking, line.charge_cents, line.price_lines) == (late, 3500, ())
    assert line.due_cents == 0


def test_it_is_due_fifteen_days_after_the_month(partner: Partner) -> None:
    assert str(read(partner).due_on) == "2027-04-16"
    assert str(read(partner, Month(2027, 12)).due_on) == "2028-01-16"
    assert not read(partner).is_over(now=END - INSTANT)
    assert read(partner).is_over(now=END)
    assert (month_before(now=END - INSTANT), month_before(now=END)) == (Month(2027, 2), MARCH)


@pytest.mark.parametrize(
    "text", ["2027-13", "2027-3", "2027-00", "0001-01", "March", "", "٢٠٢٧-٠٣"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Month.parse(text)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless(f"a{cell}") == f"a{cell}"


def test_the_file_has_a_row_a_booking_and_what_was_typed_in_calculates_nothing(
    partner: Partner,
) -> None:
    booking = booked(partner, name='=HYPERLINK("http://evil.example","x")')
    Booking.objects.filter(pk=booking.pk).update(special_instructions="@SUM(1+1)*cmd|' /C calc'!A0")
    done(booking, TUESDAY_10)
    head, row, total = csv.reader(io.StringIO(statement_csv(statement=read(partner))))
    named = dict(zip(head, row, strict=True))
    assert tuple(head) == COLUMNS
    assert named["Customer"] == '\'=HYPERLINK("http://evil.example","x")'
    assert named["Note"].startswith("'@")
    assert (named["Ended on"], named["Outcome"]) == ("2027-03-02", "Completed")
    assert named["Lines"].startswith("Notarial act, set by law 10.00; ")
    assert (named["Charge"], named["Paid"], named["Due"]) == ("85.00", "0.00", "85.00")
    assert [total[0], *total[-3:]] == ["Total, due 2027-04-16", "85.00", "0.00", "85.00"]
    partner.name = "../=Gulf & Söhne\r\n"
    assert file_name(statement=read(partner)) == "statement-gulf---s-hne-2027-03.csv"


def test_the_command_prints_it_and_says_what_is_wrong(
    partner: Partner, capsys: pytest.CaptureFixture[str]
) -> None:
    done(booked(partner), TUESDAY_10)
    with time_machine.travel(END + timedelta(days=2), tick=False):
        call_command("partner_statement", "--partner", "Gulf Title")
    said = capsys.readouterr().out
    assert "Gulf Title, 2027-03 (Monthly statement (Net-15))" in said
    assert "Charges $85.00, paid $0.00: $85.00 due on 2027-04-16" in said
    call_command("partner_statement", "--partner", "Gulf Title", "--month", "2027-03", "--csv")
    assert capsys.readouterr().out == statement_csv(statement=read(partner))
    with pytest.raises(CommandError, match="no partner named 'Nobody'"):
        call_command("partner_statement", "--partner", "Nobody")
    with pytest.raises(CommandError, match="no month"):
        call_command("partner_statement", "--partner", "Gulf Title", "--month", "2027-13")
