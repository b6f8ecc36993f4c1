"""What is kept of free times ends with the commit that changes them, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from bookings import schedules, slot_answers
from bookings.actions.expire_holds import expire_holds
from bookings.actions.import_busy import Busy, import_busy
from bookings.actions.release_hold import release_hold
from bookings.holders import token_of
from bookings.models import (
    Blackout,
    BusyBlock,
    Notary,
    NotaryDayOff,
    NotaryHours,
    SlotClaim,
)
from bookings.slots import free_slots
from bookings.tests.callers import anyone, body, hold_body
from bookings.tests.factories import NOW, TUESDAY_10, a_notary, book, hold
from bookings.travel_time import MILES_PER_HOUR, ROAD_FACTOR
from hmnp.core import redis_rest, versions
from hmnp.core.versions import day_names
from services.catalogue import require_service
from services.models import PriceRule, Service, ServiceHours, StatutoryRate, TravelBand
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2027, 3, 2)
ASKED = {"serviceId": "standard-notary", "date": "2027-03-02", "zip": "77573"}
LONG_AGO = NOW - timedelta(days=3000)


@pytest.fixture(autouse=True)
def _world(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    a_notary()
    caches["default"].clear()
    slot_answers._remembered.clear()
    monkeypatch.setattr(redis_rest, "_asked_again_at", 0.0)
    with time_machine.travel(NOW, tick=False):
        yield


def shown(**changes: Any) -> list[str]:
    """Give the starts the API shows."""
    answer = anyone().get("/availability", {**ASKED, **changes})
    assert answer.status_code == 200, answer.content
    return [slot["startTime"] for slot in answer.json()["slots"]]


def true() -> list[str]:
    """Give the starts that are really free, from the rows."""
    service = require_service(id_or_slug="standard-notary")
    slots = free_slots(service=service, zip_code="77573", first_day=DAY, days=1, now=NOW)
    return [slot.starts_at.astimezone(service.timezone).isoformat() for slot in slots]


def _notary() -> Notary:
    return Notary.objects.get()


def _busy_block() -> None:
    BusyBlock.objects.create(
        notary=_notary(),
        period=DateTimeTZRange(TUESDAY_10, TUESDAY_10 + timedelta(hours=1)),
        source="google",
        external_id="1",
    )


def _import_busy() -> None:
    end = TUESDAY_10 + timedelta(hours=2)
    busy = [Busy(external_id="x", starts_at=TUESDAY_10, ends_at=end)]
    import_busy(notary_id=_notary().pk, source="google", busy=busy, is_everything=True)


def _release() -> None:
    claim = hold().claim
    shown()
    release_hold(claim_id=claim.pk, token=token_of(claim))


def _sweep() -> None:
    SlotClaim.objects.filter(pk=hold().claim.pk).update(expires_at=LONG_AGO)
    expire_holds()


def _move() -> None:
    claim = hold().claim
    shown()
    later = hold_body(startTime="2027-03-02T13:00:00-06:00", holdToken=token_of(claim).text)
    assert anyone().post("/availability/hold", later).status_code == 200


def _unlearn() -> None:
    _notary().skills.clear()


def _off() -> None:
    NotaryDayOff.objects.create(notary=_notary(), first_day=DAY, last_day=DAY)


def _save(change: Callable[[Notary], None]) -> Callable[[], None]:
    def work() -> None:
        notary = _notary()
        change(notary)
        notary.save()

    return work


CHANGES: dict[str, Callable[[], object]] = {
    "a hold": hold,
    "a booking": book,
    "a hold given back": _release,
    "a hold that was swept up": _sweep,
    "a hold moved": _move,
    "a busy time": _busy_block,
    "a busy time imported": _import_busy,
    "hours of a notary": lambda: NotaryHours.objects.update(opens_minute=720),
    "hours taken away": lambda: NotaryHours.objects.all().delete(),
    "a day off": _off,
    "a blackout": lambda: Blackout.objects.create(first_day=DAY, last_day=DAY, reason="party"),
    "a notary who left": lambda: Notary.objects.update(is_active=False),
    "another notary": a_notary,
    "a skill taken away": _unlearn,
    "another home": _save(lambda notary: setattr(notary, "home_zip", "77058")),
    "another capacity": _save(lambda notary: setattr(notary, "daily_capacity", 0)),
    "hours of the service": lambda: ServiceHours.objects.update(opens_minute=720),
    "a longer service": lambda: Service.objects.update(duration_minutes=180),
    "a longer notice": lambda: Service.objects.update(notice_minutes=60 * 30),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_commit_ends_what_was_kept(change: Callable[[], object]) -> None:
    before = shown()
    assert before == shown() == true()
    change()
    assert shown() == true()


def test_what_changes_nothing_leaves_it_kept() -> None:
    version = _numbers()
    with transaction.atomic():
        _busy_block()
        transaction.set_rollback(True)
    notary = _notary()
    notary.calendar_id = "another"
    notary.save()
    assert _numbers() == version
    hold()
    held = _numbers()
    assert held != version
    SlotClaim.objects.update(promo_code="X")
    assert _numbers() == held


def _numbers() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, number FROM core_version")
        return dict(cursor.fetchall())


def test_the_triggers_days_are_the_readers() -> None:
    """Near midnight, in both halves of the year, in the business zone."""
    for hour in (0, 5, 6, 7, 23):
        for day in (date(2027, 1, 15), date(2027, 7, 15)):
            starts_at = TUESDAY_10.replace(month=day.month, day=day.day, hour=hour, minute=30)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM core_version WHERE name LIKE 'day:%%'")
            BusyBlock.objects.create(
                notary=_notary(),
                period=DateTimeTZRange(starts_at, starts_at + timedelta(minutes=30)),
                source="google",
                external_id=str(starts_at),
            )
            reach = timedelta(hours=6)
            ends_at = starts_at + timedelta(minutes=30) + reach
            touched = {name for name in _numbers() if name.startswith("day:")}
            assert touched == set(day_names(starts_at=starts_at - reach, ends_at=ends_at))


def test_nobody_drives_and_works_out_of_a_days_reach(catalogue: Catalogue) -> None:
    """A claim raises the versions of the days within six hours of it: no work reaches further."""
    area = catalogue.standard.area
    assert area is not None
    across = 2 * float(area.last_served_mile) * ROAD_FACTOR / MILES_PER_HOUR * 60
    longest = max(
        service.duration_minutes + service.wrap_up_minutes
        for service in (catalogue.standard, catalogue.extended, catalogue.loan, catalogue.ron)
    )
    assert across + longest <= 6 * 60


def test_every_edit_of_the_catalogue_raises_its_version() -> None:
    for edit in (
        lambda: PriceRule.objects.filter(code="WEEKEND").update(amount_cents=1),
        lambda: StatutoryRate.objects.update(source="another page"),
        lambda: TravelBand.objects.update(fee_cents=1),
        lambda: Service.objects.filter(slug="ron").update(is_active=False),
    ):
        before = _numbers()[versions.CATALOGUE]
        edit()
        assert _numbers()[versions.CATALOGUE] > before


def test_a_reader_overtaken_by_a_commit_keeps_its_list_under_the_old_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = schedules.load

    def overtaken(**asked: Any) -> schedules.Schedules:
        loaded = read(**asked)
        monkeypatch.setattr(schedules, "load", read)
        hold()
        return loaded

    monkeypatch.setattr(schedules, "load", overtaken)
    outdated = shown()
    assert "2027-03-02T10:00:00-06:00" in outdated
    assert shown() == true()
    assert "2027-03-02T10:00:00-06:00" not in shown()


def test_a_hold_that_ends_is_free_without_anybodys_commit() -> None:
    claim = hold().claim
    with connection.cursor() as cursor:
        # Without its trigger, so that only the clock can tell.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE bookings_slotclaim SET expires_at = clock_timestamp() + interval '150 ms'"
        )
        cursor.execute("SET session_replication_role = origin")
    assert "2027-03-02T10:00:00-06:00" not in shown()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.16)")
    assert "2027-03-02T10:00:00-06:00" in shown()
    assert SlotClaim.objects.get(pk=claim.pk).state == "HELD"


def test_a_start_that_comes_inside_the_notice_is_gone() -> None:
    first = shown()[0]
    with time_machine.travel(NOW + timedelta(hours=23, minutes=1), tick=False):
        assert first not in shown()


def test_a_day_that_comes_within_the_horizon_is_there() -> None:
    far = {"date": "2027-05-31"}
    assert shown(**far) == []
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert shown(**far) != []


def test_its_tag_is_enough_until_a_commit_or_the_clock() -> None:
    first = anyone().get("/availability", ASKED)
    tag = first["ETag"]
    caches["default"].clear()
    again = anyone().get("/availability", ASKED, if_none_match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert anyone().get("/availability", ASKED, if_none_match='"0-9"').status_code == 200
    hold()
    changed = anyone().get("/availability", ASKED, if_none_match=tag)
    assert changed.status_code == 200
    late = NOW + timedelta(hours=27)
    with time_machine.travel(late, tick=False):
        over = anyone().get("/availability", ASKED, if_none_match=changed["ETag"])
    assert over.status_code == 200


def test_another_zip_code_is_worked_out_from_the_days_that_are_kept() -> None:
    shown()
    with CaptureQueriesContext(connection) as queries:
        assert shown(zip="77058") != []
    assert len(queries) == 1


def test_a_job_across_midnight_is_in_the_next_days_way() -> None:
    notary = _notary()
    notary.skills.add(Service.objects.get(slug="ron"))
    NotaryHours.objects.update(opens_minute=0, closes_minute=1440)
    ask = {"serviceId": "ron", "date": "2027-03-03"}
    first = anyone().get("/availability", ask).json()["slots"][0]["startTime"]
    assert first == "2027-03-03T00:00:00-06:00"
    late = {"serviceId": "ron", "startTime": "2027-03-02T23:30:00-06:00"}
    assert anyone().post("/availability/hold", late).status_code == 201
    again = anyone().get("/availability", ask).json()["slots"][0]["startTime"]
    assert again > first


def _script() -> list[tuple[int, str]]:
    """Hold, lose, book, be refused, give back: a day's decisions, with a look before each."""
    outcomes: list[tuple[int, str]] = []

    def did(answer: Any) -> Any:
        said = answer.json() if answer.content else {}
        outcomes.append((answer.status_code, said.get("error", {}).get("code", "")))
        return said

    def look() -> None:
        outcomes.append((200, ",".join(shown())))

    look()
    held = did(anyone().post("/availability/hold", hold_body()))
    look()
    did(anyone().post("/availability/hold", hold_body()))
    did(anyone().post("/bookings", body()))
    did(anyone().post("/bookings", body(holdId=held["holdId"], holdToken=held["holdToken"])))
    look()
    late = "2027-03-02T14:00:00-06:00"
    other = did(anyone().post("/availability/hold", hold_body(startTime=late)))
    token = {"x_hold_token": other["holdToken"]}
    did(anyone().delete(f"/availability/hold/{other['holdId']}", **token))
    look()
    did(anyone().post("/bookings", body(scheduledDateTime=late, expectedFinalPrice=1.00)))
    return outcomes


@pytest.mark.parametrize("how", ["flushed at every read", "away"])
def test_no_decision_depends_on_redis(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    expected = _script()
    SlotClaim.objects.update(state="RELEASED")
    if how == "away":
        dead = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}
        settings.CACHES = {"default": dead}
    else:
        kept = caches["default"]
        execute = connection.execute_wrapper

        def flush(run: Any, *args: Any) -> Any:
            kept.clear()
            return run(*args)

        with execute(flush):
            assert _script() == expected
        return
    assert _script() == expected
