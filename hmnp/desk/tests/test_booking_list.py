"""The list of bookings: narrowed, fast whatever its length, and as a harmless file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bookings import search
from bookings.booking_admin import BookingAdmin
from bookings.tests.browsing import text_of
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, a_notary, book, customer
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import paging
from hmnp.core.spreadsheets import harmless
from hmnp.desk import export_page
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/bookings/booking/"
CSV = f"{LIST}export.csv"


@pytest.fixture(autouse=True)
def _monday_morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def staff() -> User:
    """Somebody who may see the list."""
    user = User.objects.create_user("vic", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_booking"))
    return user


@pytest.fixture
def desk(client: Client, staff: User, catalogue: Catalogue) -> Client:
    a_notary()
    open_desk(client, staff)
    return client


def rows_of(answer: Any) -> list[dict[str, str]]:
    """Read a file as a spreadsheet does."""
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_it_asks_six_questions_at_most_however_long_it_is(desk: Client, staff: User) -> None:
    """Whose session; who, and by what; what they may; what to pick from; what is found; rows."""
    group = Group.objects.create(name="dispatch")
    group.permissions.add(Permission.objects.get(codename="add_booking"))
    staff.groups.add(group)
    for hours in (0, 2, 4):
        book(starts_at=TUESDAY_10 + timedelta(hours=hours), actor=STAFF)
        for asked, most in (
            ({}, 5),
            ({"when": "tomorrow", "status__exact": "CONFIRMED"}, 5),
            ({"q": "ada", "when": "tomorrow"}, 6),
        ):
            with CaptureQueriesContext(connection) as said:
                answer = desk.get(LIST, asked)
            assert (answer.status_code, len(said)) == (200, most), [
                query["sql"][:90] for query in said
            ]
    assert "New booking" in text_of(answer)


def test_it_counts_no_further_than_its_pages_reach(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "CAP", 3)
    monkeypatch.setattr(BookingAdmin, "list_per_page", 2)
    made = [
        book(starts_at=TUESDAY_10 + timedelta(hours=hours), actor=STAFF).reference
        for hours in (0, 2, 4, 6)
    ]
    with CaptureQueriesContext(connection) as asked:
        first = text_of(desk.get(LIST))
    assert sum("COUNT" in query["sql"].upper() for query in asked) == 1
    assert "LIMIT 3) counted" in asked[-1]["sql"]
    assert [one in first for one in made] == [False, False, True, True]
    assert [one in text_of(desk.get(LIST, {"p": "2"})) for one in made] == [
        True,
        True,
        False,
        False,
    ]
    for beyond in ("3", "0", "-1", "x"):
        assert desk.get(LIST, {"p": beyond}).status_code in (200, 302)


def test_a_common_name_is_found_among_the_narrowed_however_many_newer_there_are(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (
        book(starts_at=TUESDAY_10 + timedelta(days=days), actor=STAFF).reference for days in (0, 1)
    )
    monkeypatch.setattr(search, "MOST", 1)
    said = text_of(desk.get(LIST, {"q": "ada"}))
    assert newer in said
    assert older not in said
    assert "Only the newest 1 that match" in said
    said = text_of(desk.get(LIST, {"q": "ada", "when": "tomorrow"}))
    assert older in said
    assert newer not in said
    assert "Only the newest" not in said


def test_equals_are_sorted_the_way_the_index_has_them(desk: Client) -> None:
    early, late = (
        book(starts_at=TUESDAY_10 + timedelta(hours=hours), actor=STAFF).reference
        for hours in (0, 2)
    )
    for order, first, second in (("1", early, late), ("-1", late, early), ("2", early, late)):
        said = text_of(desk.get(LIST, {"o": order}))
        assert said.index(first) < said.index(second)


def test_it_is_narrowed_by_day_and_search(desk: Client) -> None:
    first = book(starts_at=TUESDAY_10, actor=STAFF)
    second = book(
        starts_at=TUESDAY_10 + timedelta(days=1), actor=STAFF, who=customer(name="Ben Fold")
    )
    for asked, found, left in (
        ({"when": "tomorrow"}, first, second),
        ({"q": "fold ben"}, second, first),
        ({"starts_at_from": "2027-03-03", "starts_at_to": "2027-03-03"}, second, first),
    ):
        said = text_of(desk.get(LIST, asked))
        assert found.reference in said
        assert left.reference not in said
    everything = text_of(desk.get(LIST, {"starts_at_from": "9999-12-31", "starts_at_to": "x"}))
    assert first.reference in everything


def test_the_file_has_what_the_list_has_and_who_took_it_is_kept(desk: Client, staff: User) -> None:
    book(starts_at=TUESDAY_10, actor=STAFF)
    evil = '=HYPERLINK("http://evil")'
    book(starts_at=TUESDAY_10 + timedelta(days=1), actor=STAFF, who=customer(name=evil))
    assert desk.get(CSV).status_code == 403
    assert "Download as CSV" not in text_of(desk.get(LIST))
    staff.user_permissions.add(Permission.objects.get(codename="export_booking"))
    assert "Download as CSV" in text_of(desk.get(LIST))
    answer = desk.get(CSV)
    assert answer["Content-Disposition"] == 'attachment; filename="bookings-2027-03-01.csv"'
    newer, older = rows_of(answer)
    assert newer["Customer"] == f"'{evil}"
    assert (older["Date"], older["Start"], older["Price"]) == ("2027-03-02", "10:00", "85.00")
    assert older["Phone"] == "'(713) 555-0123".lstrip("'")
    assert [row["Date"] for row in rows_of(desk.get(CSV, {"when": "tomorrow"}))] == ["2027-03-02"]
    assert rows_of(desk.get(CSV, {"q": "evil"}))[0]["Customer"] == f"'{evil}"
    kept = list(LogEntry.objects.order_by("pk").values_list("user__username", "change_message"))
    assert kept[1] == ("vic", "Downloaded the list of bookings as CSV: when=tomorrow")
    # What was searched for may be somebody's name.
    assert kept[2][1].endswith("q=…")
    assert desk.post(CSV).status_code == 405
    assert desk.get(CSV, {"starts_at__nonsense": "1"}).status_code == 302


def test_the_file_is_read_page_after_page_and_has_each_once(
    desk: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="export_booking"))
    a_notary()
    # Two at one time: the second page begins between them.
    made = [
        book(starts_at=TUESDAY_10 + timedelta(hours=hours), actor=STAFF).reference
        for hours in (4, 2, 2, 0)
    ]
    monkeypatch.setattr(export_page, "_CHUNK", 2)
    with CaptureQueriesContext(connection) as asked:
        found = [row["Reference"] for row in rows_of(desk.get(CSV))]
    assert (found[0], sorted(found), found[-1]) == (made[0], sorted(made), made[-1])
    read = [query["sql"] for query in asked if '"starts_at" <= ' in query["sql"]]
    assert len(read) == 2
    assert all("LIMIT 2" in sql and '"pricing"' not in sql for sql in read)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1", "＝1", "\u00a0-1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"
