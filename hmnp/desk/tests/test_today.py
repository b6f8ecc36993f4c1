"""The first page: the days as they are, and what waits, each figure leading to its list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking, BusyBlock, SlotClaim
from bookings.states import ClaimState
from bookings.tests.browsing import text_of
from bookings.tests.factories import CUSTOMER, NOW, STAFF, TUESDAY_10, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core.cases import CaseKind, open_case
from hmnp.core.times import midnight
from hmnp.desk.axis import draw
from hmnp.desk.day_reading import NotaryDay, read_days
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("America/Chicago")
MONDAY_10 = TUESDAY_10 - timedelta(days=1)
TODAY = "/admin/"
WEEK = "/admin/week/"


@pytest.fixture(autouse=True)
def _monday_morning() -> Iterator[None]:
    """It is Monday, 1 March 2027, eight in the morning."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def desk(client: Client, catalogue: Catalogue) -> Client:
    """A browser signed in as the owner."""
    open_desk(client, User.objects.create_superuser("owner", "owner@example.com", "x"))
    return client


def look(desk: Client, address: str = TODAY) -> str:
    """Read a page."""
    answer = desk.get(address)
    assert answer.status_code == 200
    return text_of(answer)


def test_the_day_is_told_with_drives_gaps_and_what_is_taken_outside(desk: Client) -> None:
    amy = a_notary(name="Amy")
    for hours in (0, 3):
        book(starts_at=MONDAY_10 + timedelta(hours=hours), actor=STAFF)
    BusyBlock.objects.create(
        notary=amy,
        period=(MONDAY_10 + timedelta(hours=5), MONDAY_10 + timedelta(hours=6)),
        source="google",
        external_id="1",
    )
    said = look(desk)
    assert "Today, Monday 1 March 2 appointments" in said
    day = said.split("Today, Monday")[1].split("Tomorrow, Tuesday")[0]
    told = day[day.index("of driving") :]
    for part in ("10:00 am–11:00 am", "Ada Customer", "1 hour 45 minutes free", "24 minutes drive"):
        assert part in told, part
    assert "3:00 pm–4:00 pm Busy in their own calendar" in told
    assert "$85.00 to collect" in told


def test_each_figure_counts_what_waits_and_leads_to_its_list(desk: Client) -> None:
    a_notary()
    gone = book(starts_at=MONDAY_10, actor=STAFF)
    SlotClaim.objects.filter(booking=gone).update(state=ClaimState.RELEASED)
    book(starts_at=TUESDAY_10, actor=CUSTOMER)
    with transaction.atomic():
        open_case(kind=CaseKind.DISPUTE, key="d", subject="p", summary="s", repair="")
    page = desk.get(TODAY).content.decode()
    for address, number, words in (
        ("/admin/bookings/booking/?when=today", 0, "today"),
        ("/admin/bookings/booking/?when=tomorrow", 1, "tomorrow"),
        ("/admin/bookings/booking/?need=unassigned", 1, "without a notary"),
        ("/admin/bookings/booking/?status__exact=PENDING_PAYMENT", 1, "waits for payment"),
        ("/admin/bookings/booking/?need=collect&amp;when=two_days", 1, "to collect from"),
        ("/admin/desk/case/", 1, "case, oldest"),
    ):
        assert f'<a href="{address}"><strong>{number}</strong> {words}' in page
        assert desk.get(address.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize("address", [TODAY, WEEK])
def test_it_asks_ten_questions_at_most_however_much_there_is(desk: Client, address: str) -> None:
    counts = []
    for _ in range(2):
        for hours in (0, 2, 4):
            a_notary()
            book(starts_at=MONDAY_10 + timedelta(hours=hours), actor=STAFF)
        with CaptureQueriesContext(connection) as asked:
            look(desk, address)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 10, [query["sql"][:90] for query in asked]


def test_the_week_goes_back_and_forth_and_knows_its_notary(desk: Client) -> None:
    amy, ben = a_notary(name="Amy"), a_notary(name="Ben", skills=[])
    book(starts_at=TUESDAY_10, actor=STAFF)
    said = look(desk, WEEK)
    assert "1 March to 7 March 2027 1 appointment" in said
    assert "Tuesday 2 March 1 job" in said
    page = desk.get(f"{WEEK}?notary={amy.pk}&week=2027-03-04").content.decode()
    for start in ("2027-02-22", "2027-03-08"):
        assert f"notary={amy.pk}&amp;week={start}" in page
    assert "0 appointments" in look(desk, f"{WEEK}?notary={ben.pk}")
    for wrong in ("?notary=999999", "?week=soon", "?week=9999-99-99"):
        assert desk.get(WEEK + wrong).status_code == 404


def test_an_empty_house_says_so(desk: Client) -> None:
    assert "No notary works here yet" in look(desk)
    assert "There is no notary yet" in look(desk, WEEK)


def test_who_has_no_role_is_refused_and_told_who_gives_one(
    client: Client, catalogue: Catalogue
) -> None:
    amy = a_notary(name="Amy")
    user = User.objects.create_user("new", is_staff=True)
    open_desk(client, user)
    for address in (TODAY, WEEK):
        answer = client.get(address)
        assert answer.status_code == 403
        said = text_of(answer)
        assert "Your account has no role yet" in said
        assert "Ask an owner" in said
        assert "Amy" not in said
    user.groups.add(Group.objects.get_or_create(name="notary")[0])
    assert "No notary is yours yet" in text_of(client.get(TODAY))
    amy.user = user
    amy.save()
    assert "Amy" in look(client)


@pytest.mark.parametrize(("day", "hours"), [("2027-03-14", 23), ("2027-11-07", 25)])
def test_a_day_on_which_the_clocks_change_has_its_own_length(
    catalogue: Catalogue, day: str, hours: int
) -> None:
    notary = a_notary(hours=(0, 1440))
    local = date.fromisoformat(day)
    booked = book(
        slug="extended-hours",
        starts_at=midnight(local, zone=ZONE) + timedelta(hours=hours - 8),
        now=midnight(local, zone=ZONE) - timedelta(days=3),
        actor=STAFF,
    )
    (read,) = read_days(first_day=local, days=1, zone=ZONE, notary_ids=[notary.pk])
    assert read.ends_at - read.starts_at == timedelta(hours=hours)
    drawing = draw(days=[read], zone=ZONE, now=booked.starts_at)
    labels = {hour: x for x, hour in drawing.ticks}
    visit = next(piece for piece in drawing.lanes[0].pieces if piece.kind == "visit")
    assert visit.x == labels["4 pm"] == drawing.now_x
    assert visit.second == "4:00 pm"


def test_what_is_early_late_or_past_midnight_widens_the_axis_and_stays_within_it() -> None:
    day = NotaryDay(
        notary_id=1,
        name="Amy",
        home_zip="77591",
        is_active=True,
        day=date(2027, 3, 2),
        starts_at=datetime(2027, 3, 2, tzinfo=ZONE),
        ends_at=datetime(2027, 3, 3, tzinfo=ZONE),
        windows=[],
        day_off=None,
    )
    assert draw(days=[day], zone=ZONE, now=NOW).ticks[0][1] == "7 am"
    assert draw(days=[], zone=ZONE, now=NOW).count == 0
    assert draw(days=[day], zone=ZONE, now=NOW).now_x is None


def test_a_booking_of_the_day_is_one_click_away(desk: Client) -> None:
    a_notary()
    booking = book(starts_at=MONDAY_10, actor=STAFF)
    page = desk.get(TODAY).content.decode()
    assert f"/admin/bookings/booking/{booking.pk}/change/" in page
    assert Booking.objects.count() == 1
