"""What is offered, held against a naive oracle that steps through every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from bookings import schedules
from bookings.availability import Misfit, free_starts, grid, job_at, misfit, rank
from bookings.chain import Days, Fit, Job, Reason, Span, drivable, fit, works_throughout
from bookings.models import Blackout, BusyBlock, Notary, NotaryDayOff, NotaryHours, SlotClaim
from bookings.slots import free_slots, next_slots
from bookings.tests import oracle
from bookings.tests.factories import NOW, TUESDAY_10, a_notary, hold
from bookings.tests.oracle import HOUSTON, ZIPS, PlainJob, PlainNotary
from bookings.tests.worlds import (
    AT_LENGTH,
    DAYS,
    claim_rows,
    notaries,
    plain,
    schedule_of,
    undone,
)
from bookings.travel_time import drive_minutes
from services.definitions import Hours, ServiceDefinition
from services.errors import OutOfServiceArea, UnknownZip
from services.models import Service
from services.tests.factories import (
    extended_service,
    loan_service,
    ron_service,
    standard_service,
)
from services.tests.fixtures import Catalogue

SERVICES = [standard_service(), extended_service(), loan_service(), ron_service()]
DAILY = tuple(Hours(weekday, 420, 1260) for weekday in range(1, 8))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def houston(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=HOUSTON).astimezone(UTC)


@st.composite
def questions(draw: st.DrawFn, services: list[ServiceDefinition] = SERVICES) -> dict[str, Any]:
    """Draw who works, what for, where, and when somebody asks."""
    day = draw(st.sampled_from(DAYS))
    service = draw(st.sampled_from(services))
    blackouts = []
    if draw(st.integers(0, 9)) == 0:
        off = day + timedelta(days=draw(st.integers(-1, 1)))
        blackouts.append((off, off))
    asked = oracle.to_instant(oracle.minutes_of_day(day)[0])
    return {
        "service": service,
        "everyone": draw(st.lists(notaries(day), min_size=1, max_size=3)),
        "place": draw(st.sampled_from(ZIPS)) if service.is_mobile else None,
        "first_day": day - timedelta(days=draw(st.integers(0, 1))),
        "days": draw(st.integers(1, 2)),
        "now": asked + timedelta(minutes=draw(st.integers(-3000, 1500))),
        "blackouts": blackouts,
    }


def answer_of_the_oracle(asked: dict[str, Any]) -> list[datetime]:
    return oracle.free_starts(
        plain(asked["service"]),
        asked["everyone"],
        asked["place"],
        [asked["first_day"] + timedelta(days=ahead) for ahead in range(asked["days"])],
        asked["now"],
        asked["blackouts"],
    )


def check_rule(asked: dict[str, Any]) -> None:
    found = list(
        free_starts(
            service=asked["service"],
            schedules=[schedule_of(n, one) for n, one in enumerate(asked["everyone"])],
            blackouts=[Days(first_day=a, last_day=b) for a, b in asked["blackouts"]],
            zip_code=asked["place"],
            first_day=asked["first_day"],
            days=asked["days"],
            now=asked["now"],
        )
    )
    assert found == answer_of_the_oracle(asked)


@pytest.mark.longer
@pytest.mark.no_cover
@settings(max_examples=60 * AT_LENGTH, deadline=None)
@given(asked=questions())
def test_the_rule_offers_what_the_oracle_offers(asked: dict[str, Any]) -> None:
    check_rule(asked)


def write(asked: dict[str, Any]) -> None:
    """Put the oracle's world into the tables."""
    service = Service.objects.get(pk=asked["service"].id)
    for one in asked["everyone"]:
        notary = a_notary(home_zip=one.home, daily_capacity=one.capacity, skills=[service.slug])
        notary.hours.all().delete()
        NotaryHours.objects.bulk_create(
            NotaryHours(notary=notary, weekday=weekday, opens_minute=opens, closes_minute=closes)
            for weekday, opens, closes in one.hours
        )
        for first, last in one.days_off:
            NotaryDayOff.objects.create(notary=notary, first_day=first, last_day=last)
        for number, block in enumerate(one.blocks):
            BusyBlock.objects.create(
                notary=notary, period=block, source="test", external_id=str(number)
            )
        for row in claim_rows(one, service.pk, notary.pk):
            SlotClaim.objects.create(**row)
    for first, last in asked["blackouts"]:
        Blackout.objects.create(first_day=first, last_day=last, reason="closed")


@pytest.mark.longer
@pytest.mark.no_cover
@settings(
    max_examples=25 * AT_LENGTH,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_the_tables_offer_what_the_oracle_offers(catalogue: Catalogue, data: st.DataObject) -> None:
    services = [catalogue.standard, catalogue.extended, catalogue.loan, catalogue.ron]
    asked = data.draw(questions(services))
    with undone():
        write(asked)
        found = free_slots(
            service=asked["service"],
            zip_code=asked["place"],
            first_day=asked["first_day"],
            days=asked["days"],
            now=asked["now"],
        )
    length = timedelta(minutes=asked["service"].duration_minutes)
    expected = answer_of_the_oracle(asked)
    assert [(slot.starts_at, slot.ends_at) for slot in found] == [
        (start, start + length) for start in expected
    ]


@pytest.mark.parametrize("days", [1, 14])
@pytest.mark.parametrize("count", [1, 12])
def test_one_statement_however_many_days_and_notaries(
    catalogue: Catalogue,
    django_assert_num_queries: DjangoAssertNumQueries,
    days: int,
    count: int,
) -> None:
    for _ in range(count):
        a_notary()
    hold()
    with django_assert_num_queries(1):
        found = free_slots(
            service=catalogue.standard,
            zip_code="77573",
            first_day=date(2027, 3, 2),
            days=days,
            now=NOW,
        )
    assert found


class TestDaysOfOtherLengths:
    """The nights the clocks change."""

    def starts(self, day: date, *, service: ServiceDefinition, hours: Any) -> list[str]:
        notary = PlainNotary(home="77591", hours=hours)
        found = free_starts(
            service=service,
            schedules=[schedule_of(1, notary)],
            blackouts=[],
            zip_code=None,
            first_day=day,
            days=1,
            now=houston(2027, 3, 1, 0, 0) if day.month == 3 else houston(2027, 11, 1, 0, 0),
        )
        return [f"{start.astimezone(HOUSTON):%H:%M%z}" for start in found]

    def test_the_23_hour_day_skips_an_hour(self) -> None:
        always = [(weekday, 0, 1440) for weekday in range(1, 8)]
        found = self.starts(date(2027, 3, 14), service=ron_service(), hours=always)
        assert len(found) == 46
        assert found[3:5] == ["01:30-0600", "03:00-0500"]

    def test_the_25_hour_day_has_one_hour_twice(self) -> None:
        always = [(weekday, 0, 1440) for weekday in range(1, 8)]
        found = self.starts(date(2027, 11, 7), service=ron_service(), hours=always)
        assert len(found) == 50
        assert found[2:6] == ["01:00-0500", "01:30-0500", "01:00-0600", "01:30-0600"]

    def test_the_grid_has_a_start_for_every_half_hour_that_exists(self) -> None:
        lengths = {date(2027, 3, 13): 48, date(2027, 3, 14): 46, date(2027, 11, 7): 50}
        for day, count in lengths.items():
            assert len(list(grid(first_day=day, days=1, service=ron_service()))) == count

    def test_remote_work_may_run_over_midnight(self) -> None:
        late = ron_service(duration_minutes=60)
        always = [(weekday, 0, 1440) for weekday in range(1, 8)]
        assert "23:30-0600" in self.starts(date(2027, 3, 10), service=late, hours=always)
        until_midnight = [(weekday, 600, 1440) for weekday in range(1, 8)]
        found = self.starts(date(2027, 3, 10), service=late, hours=until_midnight)
        assert found[-1] == "23:00-0600"


class TestFit:
    """One notary, one job, one reason."""

    def reason(self, notary: PlainNotary, *, start: datetime, place: str = "77573") -> Any:
        schedule = schedule_of(1, notary)
        job = job_at(service=standard_service(), schedule=schedule, starts_at=start, zip_code=place)
        return fit(schedule=schedule, job=job, zone=HOUSTON)

    def notary(self, **changes: Any) -> PlainNotary:
        daily = [(weekday, 420, 1260) for weekday in range(1, 8)]
        return PlainNotary(**{"home": "77591", "hours": daily, **changes})

    def test_a_free_day_fits_with_the_drive_from_home(self) -> None:
        found = self.reason(self.notary(), start=TUESDAY_10)
        minutes = drive_minutes("77591", "77573")
        assert isinstance(found, Fit)
        assert found.period_starts_at == TUESDAY_10 - timedelta(minutes=minutes)
        assert found.period_ends_at == TUESDAY_10 + timedelta(minutes=75)
        assert (found.next_claim_id, found.jobs_that_day) == (None, 0)
        assert found.added_drive_minutes == minutes

    def test_hours_bound_the_work_not_the_drive_or_the_wrap_up(self) -> None:
        assert isinstance(self.reason(self.notary(), start=houston(2027, 3, 2, 7, 0)), Fit)
        assert isinstance(self.reason(self.notary(), start=houston(2027, 3, 2, 20, 0)), Fit)
        assert self.reason(self.notary(), start=houston(2027, 3, 2, 6, 30)) is Reason.OUTSIDE_HOURS
        assert self.reason(self.notary(), start=houston(2027, 3, 2, 20, 30)) is Reason.OUTSIDE_HOURS

    def test_a_day_off_is_off(self) -> None:
        off = self.notary(days_off=[(date(2027, 3, 2), date(2027, 3, 2))])
        assert self.reason(off, start=TUESDAY_10) is Reason.DAY_OFF
        assert isinstance(self.reason(off, start=TUESDAY_10 + timedelta(days=1)), Fit)

    def test_the_drive_between_two_jobs_counts_both_ways(self) -> None:
        # 77002 is a good hour from 77591's neighbour 77573.
        far = PlainJob(TUESDAY_10, 60, 15, "77002")
        there = drive_minutes("77002", "77573")
        assert 45 <= there <= 60
        busy = self.notary(jobs=[far])
        free = TUESDAY_10 + timedelta(minutes=75)
        assert self.reason(busy, start=TUESDAY_10) is Reason.HELD
        assert self.reason(busy, start=TUESDAY_10 + timedelta(minutes=90)) is Reason.TRAVEL_IN
        just = free + timedelta(minutes=there)
        assert isinstance(self.reason(busy, start=just), Fit)
        assert self.reason(busy, start=just - timedelta(minutes=1)) is Reason.TRAVEL_IN
        before = TUESDAY_10 - timedelta(minutes=75 + there)
        found = self.reason(busy, start=before)
        assert isinstance(found, Fit)
        assert found.next_period_starts_at == TUESDAY_10 - timedelta(minutes=there)
        assert self.reason(busy, start=before + timedelta(minutes=1)) is Reason.TRAVEL_OUT

    def test_an_outside_appointment_is_in_the_way_of_work_drive_and_wrap_up(self) -> None:
        minutes = drive_minutes("77591", "77573")
        leaves = TUESDAY_10 - timedelta(minutes=minutes)
        ends = TUESDAY_10 + timedelta(minutes=75)
        for block, blocked in [
            ((leaves - timedelta(hours=1), leaves), False),
            ((leaves - timedelta(hours=1), leaves + timedelta(minutes=1)), True),
            ((ends - timedelta(minutes=1), ends + timedelta(hours=1)), True),
            ((ends, ends + timedelta(hours=1)), False),
        ]:
            found = self.reason(self.notary(blocks=[block]), start=TUESDAY_10)
            assert (found is Reason.BUSY) is blocked

    def test_the_next_jobs_longer_drive_may_not_run_through_an_outside_appointment(self) -> None:
        block = (houston(2027, 3, 2, 12, 30), houston(2027, 3, 2, 12, 35))
        at_home = PlainJob(houston(2027, 3, 2, 13, 0), 60, 15, "77591")
        busy = self.notary(jobs=[at_home], blocks=[block])
        assert drive_minutes("77002", "77591") > 60
        assert self.reason(busy, start=TUESDAY_10, place="77002") is Reason.TRAVEL_OUT
        assert isinstance(self.reason(busy, start=TUESDAY_10, place="77591"), Fit)
        # A drive that runs through one already is no worse for a job that makes it shorter.
        downtown = PlainJob(houston(2027, 3, 2, 13, 0), 60, 15, "77002")
        crossed = self.notary(jobs=[downtown], blocks=[block])
        assert isinstance(self.reason(crossed, start=TUESDAY_10, place="77058"), Fit)

    def test_capacity_counts_a_local_days_starts(self) -> None:
        job = PlainJob(houston(2027, 3, 2, 18, 0), 60, 15, "77573")
        full = self.notary(capacity=1, jobs=[job])
        assert self.reason(full, start=TUESDAY_10) is Reason.CAPACITY
        assert isinstance(self.reason(full, start=TUESDAY_10 + timedelta(days=1)), Fit)

    def test_the_least_added_drive_wins_then_the_emptier_day_then_now_this_now_that_notary(
        self,
    ) -> None:
        near = self.notary(home="77573")
        far = self.notary(home="77002")
        busy = self.notary(
            home="77573", jobs=[PlainJob(houston(2027, 3, 2, 18, 0), 60, 15, "77573")]
        )
        everyone = [schedule_of(n, one) for n, one in enumerate([far, busy, near, near])]
        firsts = set()
        for hours in range(6):
            fits, reasons = rank(
                service=standard_service(),
                schedules=everyone,
                starts_at=TUESDAY_10 + timedelta(hours=hours),
                zip_code="77573",
            )
            order = [one.notary_id for one in fits]
            assert (sorted(order[:2]), order[2:], reasons) == ([2, 3], [1, 0], [])
            firsts.add(order[0])
        assert firsts == {2, 3}

    def test_leaving_home_counts_anew_after_midnight_but_one_must_get_there(self) -> None:
        late = Job(
            starts_at=houston(2027, 3, 2, 23, 0),
            ends_at=houston(2027, 3, 2, 23, 45),
            wrap_up=timedelta(minutes=15),
            place_zip="77002",
        )
        early = Job(
            starts_at=houston(2027, 3, 3, 0, 30),
            ends_at=houston(2027, 3, 3, 1, 0),
            wrap_up=timedelta(minutes=5),
            place_zip="77573",
        )
        assert drive_minutes("77002", "77573") > 30
        assert not drivable(first=late, second=early, second_period_starts_at=early.starts_at)


class TestMisfit:
    """What is never offered, whoever works."""

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            (TUESDAY_10, None),
            (TUESDAY_10 + timedelta(minutes=15), Misfit.OFF_GRID),
            (TUESDAY_10 + timedelta(seconds=1), Misfit.OFF_GRID),
            (houston(2027, 3, 2, 8, 30), Misfit.OUTSIDE_HOURS),
            (houston(2027, 3, 2, 9, 0), None),
            (houston(2027, 3, 2, 16, 0), None),
            (houston(2027, 3, 2, 16, 30), Misfit.OUTSIDE_HOURS),
            (houston(2027, 3, 6, 10, 0), Misfit.OUTSIDE_HOURS),
            (houston(2027, 3, 1, 10, 0), None),
            (houston(2027, 3, 1, 9, 30), Misfit.INSIDE_NOTICE),
            (houston(2027, 5, 28, 10, 0), None),
            (houston(2027, 5, 31, 10, 0), Misfit.BEYOND_HORIZON),
            (houston(2027, 3, 3, 10, 0), Misfit.BLACKOUT),
        ],
    )
    def test_each_edge(self, start: datetime, expected: Misfit | None) -> None:
        closed = [Days(first_day=date(2027, 3, 3), last_day=date(2027, 3, 4))]
        found = misfit(service=standard_service(), starts_at=start, now=NOW, blackouts=closed)
        assert found is expected

    def test_windows_that_touch_are_one(self) -> None:
        hours = (Hours(2, 540, 600), Hours(2, 600, 720))
        start = houston(2027, 3, 2, 9, 30)
        assert works_throughout(
            hours=hours, starts_at=start, ends_at=start + timedelta(hours=1), zone=HOUSTON
        )
        assert not works_throughout(
            hours=(hours[0], Hours(2, 601, 720)),
            starts_at=start,
            ends_at=start + timedelta(hours=1),
            zone=HOUSTON,
        )

    def test_spans_are_half_open(self) -> None:
        span = Span(starts_at=utc(2027, 1, 1, 10), ends_at=utc(2027, 1, 1, 11))
        assert not span.overlaps(starts_at=span.ends_at, ends_at=utc(2027, 1, 1, 12))
        assert not span.overlaps(starts_at=utc(2027, 1, 1, 9), ends_at=span.starts_at)
        assert span.overlaps(starts_at=span.starts_at, ends_at=utc(2027, 1, 1, 10, 1))


class TestSchedules:
    """What is read from the tables, and what is not."""

    def test_only_active_notaries_with_the_skill_are_read(self, catalogue: Catalogue) -> None:
        able = a_notary()
        a_notary(skills=["ron"])
        a_notary(is_active=False)
        loaded = schedules.load(service=catalogue.standard, first_day=date(2027, 3, 2))
        assert [one.notary_id for one in loaded.notaries] == [able.pk]
        assert loaded.of(able.pk) is loaded.notaries[0]
        assert loaded.of(0) is None

    def test_a_dead_hold_hides_nothing_and_an_ended_claim_neither(
        self, catalogue: Catalogue
    ) -> None:
        a_notary()
        dead, ended = hold().claim, hold(starts_at=TUESDAY_10 + timedelta(hours=3)).claim
        alive = hold(starts_at=TUESDAY_10 + timedelta(hours=5)).claim
        SlotClaim.objects.filter(pk=dead.pk).update(expires_at=utc(2020, 1, 1))
        SlotClaim.objects.filter(pk=ended.pk).update(state="RELEASED")
        loaded = schedules.load(service=catalogue.standard, first_day=date(2027, 3, 2))
        assert [job.claim_id for job in loaded.notaries[0].jobs] == [alive.pk]
        without = schedules.load(
            service=catalogue.standard, first_day=date(2027, 3, 2), without_claim=alive.pk
        )
        assert without.notaries[0].jobs == ()

    def test_one_services_blackout_is_not_anothers(self, catalogue: Catalogue) -> None:
        a_notary()
        Blackout.objects.create(
            first_day=date(2027, 3, 2),
            last_day=date(2027, 3, 2),
            service_id=catalogue.loan.id,
            reason="training",
        )

        def offered(service: ServiceDefinition) -> int:
            return len(
                free_slots(
                    service=service,
                    zip_code="77573",
                    first_day=date(2027, 3, 2),
                    days=1,
                    now=NOW - timedelta(days=2),
                )
            )

        assert offered(catalogue.loan) == 0
        assert offered(catalogue.standard) == 15

    def test_a_block_of_another_notary_is_not_in_the_way(self, catalogue: Catalogue) -> None:
        first, second = a_notary(), a_notary()
        BusyBlock.objects.create(
            notary=second,
            period=DateTimeTZRange(TUESDAY_10, TUESDAY_10 + timedelta(hours=1)),
            source="google",
            external_id="1",
        )
        loaded = schedules.load(service=catalogue.standard, first_day=date(2027, 3, 2))
        assert [len(one.blocks) for one in loaded.notaries] == [0, 1]
        assert hold().claim.notary_id == first.pk
        assert Notary.objects.count() == 2


class TestWhatIsOffered:
    """Places we do not go to, and what comes next."""

    @pytest.mark.parametrize(
        ("zip_code", "error"), [("77450", OutOfServiceArea), ("77352", UnknownZip)]
    )
    def test_where_we_do_not_go_nothing_is_offered(
        self, catalogue: Catalogue, zip_code: str, error: type[Exception]
    ) -> None:
        a_notary()
        with pytest.raises(error):
            free_slots(
                service=catalogue.standard,
                zip_code=zip_code,
                first_day=date(2027, 3, 2),
                days=1,
                now=NOW,
            )

    def test_the_next_three_start_no_earlier_than_asked(self, catalogue: Catalogue) -> None:
        a_notary()
        friday_late = houston(2027, 3, 5, 15, 30)
        found = next_slots(service=catalogue.standard, zip_code="77573", after=friday_late, now=NOW)
        assert [slot.starts_at for slot in found] == [
            friday_late,
            houston(2027, 3, 5, 16, 0),
            houston(2027, 3, 8, 9, 0),
        ]

    def test_there_may_be_none(self, catalogue: Catalogue) -> None:
        assert not next_slots(
            service=catalogue.standard, zip_code="77573", after=TUESDAY_10, now=NOW
        )


def test_a_drive_takes_whole_minutes_and_never_gets_shorter_by_a_detour() -> None:
    for a in ZIPS:
        assert drive_minutes(a, a) == 0
        for b in ZIPS:
            assert drive_minutes(a, b) == drive_minutes(b, a) == oracle.drive(a, b)
            for c in ZIPS:
                assert drive_minutes(a, c) <= drive_minutes(a, b) + drive_minutes(b, c)
