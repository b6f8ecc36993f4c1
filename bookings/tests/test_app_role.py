"""What the application's own database role can do to the rows that are kept for good."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from bookings import timeline
from bookings.models import Booking, TimelineEvent
from bookings.states import TimelineAction
from bookings.tests.factories import NOW, a_notary, book
from hmnp.core.context import SYSTEM
from services.models import Service
from services.tests.fixtures import Catalogue

KEPT = ("bookings_timelineevent", "auditlog_logentry", "payments_ledgerentry")
REFUSED = [
    *(f"UPDATE {table} SET id = id" for table in (*KEPT,)),
    *(f"DELETE FROM {table}" for table in (*KEPT, "bookings_timelinehead")),
    *(f"TRUNCATE {table}" for table in (*KEPT, "bookings_timelinehead", "bookings_booking")),
    "UPDATE bookings_timelinehead SET length = 1",
    "INSERT INTO bookings_timelinehead (booking_id, length, hash) SELECT id, 1, '' "
    "FROM bookings_booking",
    "ALTER TABLE bookings_timelineevent DISABLE TRIGGER USER",
    "DROP TRIGGER timeline_stays ON bookings_timelineevent",
    "SET session_replication_role = replica",
    "SELECT bookings_timeline_adopt()",
    "CREATE TABLE here_too (id int)",
]


def test_the_role_does_the_applications_work_but_rewrites_nothing(catalogue: Catalogue) -> None:
    a_notary()
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE as_the_site NOLOGIN")
        call_command("grant_app_role", "as_the_site")
        cursor.execute("SET LOCAL ROLE as_the_site")
        booking = book()
        Booking.objects.filter(pk=booking.pk).update(version=1)
        timeline.record(booking=booking, action=TimelineAction.MESSAGE_SENT, actor=SYSTEM, now=NOW)
        service = Service.objects.first()
        assert service is not None
        service.position += 1
        service.save()
        assert TimelineEvent.objects.count() == 2
        assert LogEntry.objects.get_for_object(service).exists()
        for statement in REFUSED:
            with (
                pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
                transaction.atomic(),
            ):
                cursor.execute(statement)
        cursor.execute("RESET ROLE")


def test_a_role_that_could_take_its_rights_back_is_refused(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
        cursor.execute("CREATE ROLE a_friend NOLOGIN")
        cursor.execute(f'GRANT "{owner}" TO a_friend')
    for role, fault in (
        (owner, "owns the tables"),
        ("a_friend", "owns the tables"),
        ("nobody_here", "no role"),
    ):
        with pytest.raises(CommandError, match=fault):
            call_command("grant_app_role", role)
    call_command("grant_app_role", "")
    assert "is not set" in capsys.readouterr().out
