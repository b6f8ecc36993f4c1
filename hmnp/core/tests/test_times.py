"""Times at the edge: what names one instant, and what does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmnp.core.times import (
    UnreadableTime,
    at_minute,
    local_date,
    midnight,
    parse_instant,
    rfc3339,
    show_minute,
    wall_exists,
)

HOUSTON = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-03-01T10:00:00-06:00", datetime(2027, 3, 1, 16, 0, tzinfo=UTC)),
        ("2027-03-01t16:00:00z", datetime(2027, 3, 1, 16, 0, tzinfo=UTC)),
        ("2027-03-01 16:00Z", datetime(2027, 3, 1, 16, 0, tzinfo=UTC)),
        ("2027-03-01T16:00:00.123456Z", datetime(2027, 3, 1, 16, 0, 0, 123456, tzinfo=UTC)),
        # The hour that occurs twice is told apart by its offset.
        ("2027-11-07T01:30:00-05:00", datetime(2027, 11, 7, 6, 30, tzinfo=UTC)),
        ("2027-11-07T01:30:00-06:00", datetime(2027, 11, 7, 7, 30, tzinfo=UTC)),
        # 02:30 does not exist in Houston that night, but in India it does.
        ("2027-03-14T02:30:00+05:30", datetime(2027, 3, 13, 21, 0, tzinfo=UTC)),
    ],
)
def test_it_reads_a_time_with_an_offset(text: str, instant: datetime) -> None:
    assert parse_instant(text, zone=HOUSTON) == instant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2027-03-01T10:00:00", "offset_required"),
        ("2027-03-01 10:00", "offset_required"),
        ("tomorrow", "invalid"),
        ("", "invalid"),
        ("2027-03-01", "invalid"),
        ("2027-02-30T10:00:00-06:00", "invalid"),
        ("2027-03-01T25:00:00-06:00", "invalid"),
        ("2027-03-01T10:00:00-25:00", "invalid"),
        ("0001-01-01T00:00:00+14:00", "invalid"),
        ("9999-12-31T23:59:59-12:00", "invalid"),
        ("2027-03-14T02:30:00-06:00", "nonexistent"),
        ("2027-03-14T02:00:00-05:00", "nonexistent"),
        ("٢٠٢٧-03-01T10:00:00-06:00", "invalid"),
    ],
)
def test_it_refuses_what_names_no_instant(text: str, code: str) -> None:
    with pytest.raises(UnreadableTime) as refused:
        parse_instant(text, zone=HOUSTON)
    assert refused.value.code == code


@given(
    st.datetimes(
        min_value=datetime(2000, 1, 1),
        max_value=datetime(2099, 1, 1),
        timezones=st.just(UTC),
    )
)
def test_what_we_write_reads_back_as_the_same_instant(instant: datetime) -> None:
    assert parse_instant(rfc3339(instant, zone=HOUSTON), zone=HOUSTON) == instant
    assert parse_instant(rfc3339(instant), zone=HOUSTON) == instant


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2027, 3, 13), 24), (date(2027, 3, 14), 23), (date(2027, 11, 7), 25)],
)
def test_a_day_is_as_long_as_its_clocks_make_it(day: date, hours: int) -> None:
    start, end = midnight(day, zone=HOUSTON), midnight(day + timedelta(days=1), zone=HOUSTON)
    assert end - start == timedelta(hours=hours)
    assert at_minute(day, 1440, zone=HOUSTON) == end
    assert local_date(start, zone=HOUSTON) == day
    assert local_date(end - timedelta(microseconds=1), zone=HOUSTON) == day


def test_a_wall_time_in_the_gap_does_not_exist() -> None:
    assert not wall_exists(datetime(2027, 3, 14, 2, 0), zone=HOUSTON)
    assert wall_exists(datetime(2027, 3, 14, 3, 0), zone=HOUSTON)
    assert wall_exists(datetime(2027, 11, 7, 1, 30), zone=HOUSTON)


def test_minutes_of_the_day_are_shown_as_a_clock_shows_them() -> None:
    assert [show_minute(minute) for minute in (0, 545, 1440)] == ["00:00", "09:05", "24:00"]
