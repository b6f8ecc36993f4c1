"""What V1's words, times, money and places mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bookings.states import BookingStatus
from hmnp.rollout.v1 import values
from hmnp.rollout.v1.payments import captured_and_refunded
from hmnp.rollout.v1.statuses import THIRTEEN, Standing, canonical, in_v1_words, meant
from hmnp.rollout.v1.times import appointment_time

HOUSTON = ZoneInfo("America/Chicago")
NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)

# status, money kept: what it is when to come, and when past.
MEANINGS = [
    ("REQUESTED", 0, "CONFIRMED", "EXPIRED"),
    ("PAYMENT_PENDING", 0, "CONFIRMED", "EXPIRED"),
    ("PAYMENT_PENDING", 2500, "CONFIRMED", "COMPLETED"),
    ("AWAITING_CLIENT_ACTION", 0, "CONFIRMED", "EXPIRED"),
    ("CONFIRMED", 0, "CONFIRMED", "COMPLETED"),
    ("SCHEDULED", 0, "CONFIRMED", "COMPLETED"),
    ("READY_FOR_SERVICE", 0, "CONFIRMED", "COMPLETED"),
    ("IN_PROGRESS", 0, "CONFIRMED", "COMPLETED"),
    ("REQUIRES_RESCHEDULE", 0, "CONFIRMED", "CANCELLED"),
    ("REQUIRES_RESCHEDULE", 2500, "CONFIRMED", "CANCELLED"),
    ("COMPLETED", 0, "COMPLETED", "COMPLETED"),
    ("NO_SHOW", 0, "NO_SHOW", "NO_SHOW"),
    ("CANCELLED_BY_CLIENT", 0, "CANCELLED", "CANCELLED"),
    ("CANCELLED_BY_STAFF", 2500, "CANCELLED", "CANCELLED"),
    ("ARCHIVED", 0, "CANCELLED", "CANCELLED"),
    ("ARCHIVED", 2500, "COMPLETED", "COMPLETED"),
]


@pytest.mark.parametrize(("status", "net", "to_come", "past"), MEANINGS)
def test_each_of_the_thirteen_has_its_meaning(
    status: str, net: int, to_come: str, past: str
) -> None:
    for starts_at, wanted in ((NOW + timedelta(days=1), to_come), (NOW - timedelta(days=9), past)):
        standing = Standing(
            status=status,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            net_cents=net,
            was_served=False,
            was_missed=False,
            was_cancelled=False,
        )
        assert meant(standing=standing, now=NOW).status == wanted
    assert {one for one, *_ in MEANINGS} == set(THIRTEEN)


def test_words_that_are_none_of_the_thirteen_are_understood_or_refused() -> None:
    for written, wanted in (
        ("Confirmed", "CONFIRMED"),
        ("canceled", "CANCELLED_BY_CLIENT"),
        ("ready for service", "READY_FOR_SERVICE"),
        ("PENDING", "PAYMENT_PENDING"),
        ("no-show", "NO_SHOW"),
    ):
        assert canonical(written) == wanted
    for nonsense in ("SUPERSEDED", "", None, 7):
        with pytest.raises(ValueError, match="none of V1's"):
            canonical(nonsense)
    for status in BookingStatus:
        assert in_v1_words(status=status) in THIRTEEN


def test_an_offset_of_houston_is_the_wall_clock_and_everything_else_an_instant() -> None:
    at_16, at_15 = datetime(2026, 12, 5, 16, tzinfo=UTC), datetime(2026, 7, 4, 15, tzinfo=UTC)
    for written, wanted in (
        ("2026-12-05T10:00:00-05:00", at_16),
        ("2026-12-05T10:00:00-06:00", at_16),
        ("2026-07-04T10:00:00-05:00", at_15),
        ("2026-07-04T10:00:00-06:00", at_15),
        ("2026-12-05T16:00:00.000Z", at_16),
        ("2026-12-05T11:00:00-05:00", at_16 + timedelta(hours=1)),
        ("2026-12-05T16:00:00", at_16),
        (at_16, at_16),
        # The clocks skip this one: it is the moment they have moved on to.
        ("2027-03-14T02:30:00-05:00", datetime(2027, 3, 14, 8, 30, tzinfo=UTC)),
    ):
        assert appointment_time(written, zone=HOUSTON) == wanted
    naive = appointment_time("2026-12-05T10:00", zone=HOUSTON, naive_is_wall=True)
    assert naive == at_16
    for none in (None, "", "Invalid Date", "1970-01-01T00:00:00Z", 1_700_000_000, "9999-01-01"):
        with pytest.raises(ValueError, match="time"):
            appointment_time(none, zone=HOUSTON)


MONEY: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"status": "COMPLETED", "amount": "75.00"}, (7500, 0)),
    ({"status": "completed", "amount": 75.005}, (7501, 0)),
    ({"status": "REFUNDED", "amount": "75"}, (7500, 7500)),
    ({"status": "REFUNDED", "amount": "75", "refundedAmount": "20"}, (7500, 2000)),
    ({"status": "PARTIALLY_REFUNDED", "amount": "75", "refundedAmount": 99}, (7500, 7500)),
    ({"status": "PARTIALLY_REFUNDED", "amount": "75"}, (7500, 0)),
    ({"status": "PENDING", "amount": "75"}, (0, 0)),
    ({"status": "VOIDED", "amount": "75"}, (0, 0)),
    ({"status": "COMPLETED", "amount": None}, (0, 0)),
]


@pytest.mark.parametrize(("row", "wanted"), MONEY)
def test_money_that_came_and_went_is_read_to_the_cent(
    row: dict[str, Any], wanted: tuple[int, int]
) -> None:
    assert captured_and_refunded(row) == wanted
    for nonsense in ("NaN", "1e9", "twenty"):
        with pytest.raises(ValueError, match="amount"):
            captured_and_refunded({**row, "amount": nonsense})


def test_people_and_places_are_cleaned() -> None:
    assert values.email({"customerEmail": " Ada@Example.COM "}) == ("ada@example.com", True)
    unknown, is_address = values.email({"id": "x", "customerEmail": "n/a"})
    assert (unknown.endswith("@v1.invalid"), is_address) == (True, False)
    assert unknown == values.email({"id": "x", "customerEmail": None})[0]
    for written in ("(713) 555-0123", "713.555.0123", "+1 713 555 0123", "17135550123"):
        assert values.e164(written) == "+17135550123"
    assert values.e164("12") == values.e164("none") == ""
    assert values.phone({"notes": "Phone: 713-555-0123\nutm_source=x"}) == "+17135550123"
    assert values.instructions({"notes": "Gate 7\nutm_source=x\nPhone: 713-555-0123"}) == "Gate 7"
    place = values.Place("1 Main St", "League City", "TX", "77573")
    for row in (
        {"addressStreet": "1 Main St, League City, TX 77573"},
        {"address": "1 Main St, League City, TX 77573-1234"},
        {
            "addressStreet": "1 Main St",
            "addressCity": "League City",
            "addressState": "Texas",
            "addressZip": "77573-1234",
        },
        {"address": {"street": "1 Main St", "city": "League City", "zip": "77573"}},
    ):
        assert values.place(row) == place
