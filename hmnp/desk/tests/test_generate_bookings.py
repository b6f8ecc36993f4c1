"""Made-up bookings keep every rule that real ones keep."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from bookings.models import Booking, Notary, SlotClaim
from bookings.slots import free_slots
from hmnp.core import invariants
from payments.models import Payment, Refund
from services.tests.fixtures import Catalogue

_CASTS = re.compile(r"::[a-z ]+(\[\])?|[()]")

pytestmark = pytest.mark.django_db(transaction=True)


def _schema() -> list[tuple[str, str]]:
    """Give every constraint, index and trigger; PostgreSQL may write a cast in another place."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "UNION ALL SELECT indexname, indexdef FROM pg_indexes "
            "UNION ALL SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
        )
        return sorted((name, _CASTS.sub("", text)) for name, text in cursor.fetchall())


def test_what_is_generated_breaks_no_rule_and_leaves_the_schema_as_it_was(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _schema()
    call_command("generate_bookings", "--bookings", "300", "--notaries", "4", "--seed", "7")
    # More can be added to what is there.
    call_command("generate_bookings", "--bookings", "100", "--notaries", "2", "--seed", "8")
    assert _schema() == before
    with connection.cursor() as cursor:
        breaches = invariants.find_breaches(cursor=cursor, invariants=invariants.all_invariants())
    assert not breaches
    call_command("verify_audit")
    assert (Booking.objects.count(), SlotClaim.objects.count()) == (400, 400)
    assert Notary.objects.count() == 6
    assert "rows/s" in capsys.readouterr().out
    # Something of everything: past and to come, kept, given up, paid for, given back.
    assert set(Booking.objects.values_list("status", flat=True)) >= {
        "CONFIRMED",
        "COMPLETED",
        "CANCELLED",
        "EXPIRED",
    }
    assert Payment.objects.filter(status="REFUNDED").count() == Refund.objects.count() > 0
    tomorrow = timezone.now() + timedelta(days=1)
    assert free_slots(
        service=catalogue.ron,
        zip_code=None,
        first_day=tomorrow.date(),
        days=3,
        now=timezone.now(),
    )


def test_it_is_refused_where_people_really_book(settings: Settings) -> None:
    settings.SANDBOX_URL = ""
    with pytest.raises(CommandError, match="sandbox only"):
        call_command("generate_bookings")
    assert not Booking.objects.exists()
