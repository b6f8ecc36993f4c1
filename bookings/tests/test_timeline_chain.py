"""The timeline's chain: whatever is done to a row behind the application's back is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, connection, connections, transaction
from django.utils import timezone

from bookings import timeline, timeline_chain
from bookings.models import Booking, TimelineEvent, TimelineHead
from bookings.states import TimelineAction
from bookings.tests.factories import NOW, TUESDAY_10, a_notary, book
from hmnp.core.context import SYSTEM
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = "bookings_timelineevent"
# One more row, as whoever knows the arithmetic would forge it.
FORGE = f"""
    INSERT INTO {TABLE} SELECT (made.new).* FROM (
        SELECT jsonb_populate_record(e, '{{"id": 900000, "seq": 3, "action": "refunded"}}') AS new
        FROM {TABLE} e WHERE seq = 3) AS made;
    UPDATE {TABLE} e SET hash = bookings_timeline_hash(e) WHERE id = 900000;
"""
SHIFT_UP = f"UPDATE {TABLE} SET seq = seq + 101 WHERE seq >= 3; " + (
    f"UPDATE {TABLE} SET seq = seq - 100 WHERE seq > 100;"
)
EXCHANGE = """
    UPDATE bookings_timelineevent a SET {set_}
    FROM bookings_timelineevent b
    WHERE (a.seq, b.seq) IN ((2, 3), (3, 2)) AND a.booking_id = b.booking_id;
"""

# By what was done: the SQL, and the row that is named, of five.
TAMPERINGS: dict[str, tuple[str, str]] = {
    "one word of a row": (
        f"UPDATE {TABLE} SET metadata = metadata || '{{\"n\": 9}}' WHERE seq = 2",
        "row 2 altered",
    ),
    "a microsecond": (
        f"UPDATE {TABLE} SET at = at + interval '1 microsecond' WHERE seq = 4",
        "row 4 altered",
    ),
    "an address": (f"UPDATE {TABLE} SET ip_address = '10.0.0.1' WHERE seq = 1", "row 1 altered"),
    "a row and its hash": (
        f"UPDATE {TABLE} SET actor_type = 'admin' WHERE seq = 3;"
        f"UPDATE {TABLE} e SET hash = bookings_timeline_hash(e) WHERE seq = 3",
        "row 3 altered",
    ),
    "the last row and its hash": (
        f"UPDATE {TABLE} SET actor_type = 'admin' WHERE seq = 5;"
        f"UPDATE {TABLE} e SET hash = bookings_timeline_hash(e) WHERE seq = 5",
        "row 5 altered",
    ),
    "the first taken out": (f"DELETE FROM {TABLE} WHERE seq = 1", "row 1 removed"),
    "one in the middle taken out": (f"DELETE FROM {TABLE} WHERE seq = 3", "row 3 removed"),
    "one taken out, the rest moved up": (
        f"DELETE FROM {TABLE} WHERE seq = 2; UPDATE {TABLE} SET seq = seq + 99 WHERE seq > 2;"
        f"UPDATE {TABLE} SET seq = seq - 100 WHERE seq > 100",
        "row 2 removed",
    ),
    "the end cut off": (f"DELETE FROM {TABLE} WHERE seq >= 4", "row 4 removed"),
    "all of it": (f"DELETE FROM {TABLE}", "row 1 removed"),
    "all of it and its head": (
        f"DELETE FROM {TABLE}; DELETE FROM bookings_timelinehead",
        "row 1 removed",
    ),
    "two numbers exchanged": (
        f"UPDATE {TABLE} SET seq = seq + 100 WHERE seq IN (2, 3);"
        f"UPDATE {TABLE} SET seq = 105 - seq WHERE seq > 100",
        "row 2 swapped",
    ),
    "what two rows say exchanged": (
        EXCHANGE.format(set_="metadata = b.metadata, at = b.at"),
        "row 2 swapped",
    ),
    "two rows exchanged, hashes and all": (
        EXCHANGE.format(
            set_="metadata = b.metadata, at = b.at, hash = b.hash, prev_hash = b.prev_hash",
        ),
        "row 2 swapped",
    ),
    "one put in, the rest moved down": (
        SHIFT_UP + FORGE.replace("e WHERE seq = 3", "e WHERE seq = 4"),
        "row 3 inserted",
    ),
    "one put in carelessly": (
        SHIFT_UP + FORGE.replace("e WHERE seq = 3", "e WHERE seq = 4").rpartition("UPDATE")[0],
        "row 3 inserted",
    ),
    "one put at the end": (
        f"""
        INSERT INTO {TABLE} SELECT (made.new).* FROM (
            SELECT jsonb_populate_record(e, jsonb_build_object(
                'id', 900000, 'seq', 6, 'prev_hash', e.hash)) AS new
            FROM {TABLE} e WHERE seq = 5) AS made;
        UPDATE {TABLE} e SET hash = bookings_timeline_hash(e) WHERE id = 900000""",
        "row 6 inserted",
    ),
}


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """Give a booking to which five things happened."""
    a_notary()
    made = book()
    for number in range(2, 6):
        note(made, number)
    return made


def note(booking: Booking, number: int) -> TimelineEvent:
    return timeline.record(
        booking=booking,
        action=TimelineAction.MESSAGE_SENT,
        actor=SYSTEM,
        now=timezone.now(),
        metadata={
            "n": number,
            "b": 1.0,
            "a": 'é "quoted" \\ \u2028',
            "deep": {"y": [1], "x": None},
        },
    )


@contextmanager
def behind_the_back() -> Iterator[Any]:
    """Write as a superuser whom no trigger stops, and put everything back."""
    tables = (TABLE, TimelineHead._meta.db_table)
    with connection.cursor() as cursor:
        kept = {}
        for table in tables:
            cursor.execute(f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t")
            kept[table] = cursor.fetchone()[0]
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")
                cursor.execute(
                    f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)",
                    [kept[table]],
                )
        finally:
            cursor.execute("SET session_replication_role = origin")


def verify(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command and give what it said; raises what it raises."""
    call_command("verify_audit", *arguments)
    return capsys.readouterr().out


def test_every_tampering_is_named_with_its_row(
    booking: Booking, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Checked 5 rows of 1 timelines: 0 faults." in verify(capsys)
    named = {}
    for what, (sql, _) in TAMPERINGS.items():
        with behind_the_back() as cursor:
            cursor.execute(sql)
            with pytest.raises(CommandError) as refused:
                verify(capsys, "--booking", booking.reference)
        assert refused.value.returncode == 1
        said = capsys.readouterr().err
        named[what] = said.partition(booking.reference)[2].partition(":")[0].strip()
    assert named == {what: row for what, (_, row) in TAMPERINGS.items()}
    assert "0 faults" in verify(capsys), "the tests themselves put everything back"


def test_only_a_seal_kept_elsewhere_tells_of_a_rewritten_past(
    booking: Booking, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = tmp_path / "seals"
    with behind_the_back() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET at = '2026-01-05 10:00+00', hash = '', seq = seq + 9")
        cursor.execute("DELETE FROM bookings_timelinehead; SELECT bookings_timeline_adopt()")
        kept.write_text(verify(capsys, "--seal"))
        day, count, root = kept.read_text().split()
        assert (count, len(root)) == ("5", 64)
        assert "All 1 sealed days are as they were." in verify(capsys, "--against", str(kept))

        cursor.execute(f"UPDATE {TABLE} SET hash = '', seq = seq + 9, actor_id = 'x'")
        cursor.execute("DELETE FROM bookings_timelinehead; SELECT bookings_timeline_adopt()")
        assert "0 faults" in verify(capsys), "the chain was made anew from end to end"
        with pytest.raises(CommandError):
            verify(capsys, "--against", str(kept))
    assert f"{day} was rewritten" in capsys.readouterr().err
    assert verify(capsys, "--seal") == "", "what may still change is not sealed"
    kept.write_text("no seal")
    with pytest.raises(CommandError, match="no list of seals"):
        verify(capsys, "--against", str(kept))


def test_a_row_cannot_be_changed_or_removed_nor_its_place_chosen(booking: Booking) -> None:
    before = list(TimelineEvent.objects.values())
    for attempt in (
        lambda: TimelineEvent.objects.update(actor_id="x"),
        lambda: TimelineEvent.objects.all().delete(),
        lambda: connection.cursor().execute(f"TRUNCATE {TABLE}"),
        lambda: TimelineHead.objects.update(length=1),
        lambda: TimelineHead.objects.all().delete(),
        lambda: connection.cursor().execute("TRUNCATE bookings_timelinehead"),
    ):
        with pytest.raises((InternalError, Exception), match="never changed or deleted"):
            attempt()
    assert list(TimelineEvent.objects.values()) == before
    chosen = TimelineEvent.objects.create(
        booking=booking,
        action="updated",
        actor_type="system",
        at=NOW,
        seq=2,
        prev_hash="0" * 64,
        hash="0" * 64,
    )
    chosen.refresh_from_db()
    assert (chosen.seq, chosen.prev_hash) == (6, before[-1]["hash"])


def test_writers_at_once_make_one_chain(
    booking: Booking, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also those who hold no lock, and one who locks the booking first."""
    start = threading.Barrier(4)

    def write(locks: bool) -> None:
        try:
            start.wait(5)
            for number in range(8):
                with transaction.atomic():
                    if locks:
                        Booking.objects.select_for_update().get(pk=booking.pk)
                    note(booking, number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(one == 0,)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(booking.timeline.values_list("seq", flat=True)) == list(range(1, 38))
    assert "Checked 37 rows of 1 timelines: 0 faults." in verify(capsys)


def test_rows_written_with_the_triggers_off_are_taken_into_the_chain(booking: Booking) -> None:
    other = book(starts_at=TUESDAY_10 + timedelta(hours=5))
    told = note(other, 2)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"UPDATE {TABLE} SET hash = '' WHERE id = %s", [told.pk])
        cursor.execute(
            "UPDATE bookings_timelinehead SET length = 1, hash = %s WHERE booking_id = %s",
            [told.prev_hash, other.pk],
        )
        cursor.execute("SELECT bookings_timeline_adopt()")
        cursor.execute("SET session_replication_role = origin")
    again = TimelineEvent.objects.get(pk=told.pk)
    assert (again.seq, again.hash) == (2, told.hash)
    assert all(
        timeline_chain.first_fault(timeline=one) is None for one in timeline_chain.timelines()
    )
    assert json.loads(json.dumps(again.metadata)) == told.metadata
