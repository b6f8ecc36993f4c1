"""A hundred thousand bookings of V1, twice, and killed in between: by night."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bookings.tests.factories import a_notary
from hmnp.core.invariants import all_invariants, find_breaches
from hmnp.rollout.generated_export import write_export
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.night]

_TABLES = (
    "bookings_booking",
    "bookings_slotclaim",
    "bookings_timelineevent",
    "payments_payment",
    "payments_refund",
    "payments_ledgerentry",
    "integrations_externalref",
    "rollout_v1row",
    "desk_case",
)
_LEAST_A_SECOND = 2000


def fingerprints() -> dict[str, tuple[int, str]]:
    """Give how many rows each table has, and what they come to."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for table in _TABLES:
            cursor.execute(
                "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text"
                f" FROM {table} t"
            )
            found[table] = cursor.fetchone()
    return found


def test_a_hundred_thousand_bookings_come_over_fast_and_only_once(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        a_notary(home_zip=("77573", "77058", "77591")[number % 3])
    a_notary(skills=["ron"], hours=(0, 1440))
    export = tmp_path / "v1.jsonl"
    with export.open("w") as file:
        write_export(file=file, bookings=100_000, seed=1, now=timezone.now())
    began = time.monotonic()
    call_command("import_v1", str(export), stripe_is_not_shared=True)
    said = capsys.readouterr().out
    first = fingerprints()
    again = time.monotonic()
    call_command("import_v1", str(export), stripe_is_not_shared=True)
    with capsys.disabled():
        sys.stderr.write(f"{said}\nfirst {again - began:.0f} s, ")
        sys.stderr.write(f"second {time.monotonic() - again:.0f} s\n")
    assert fingerprints() == first
    rate = re.search(r": ([\d,]+) a second;", said)
    assert rate is not None
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        assert find_breaches(cursor=cursor, invariants=all_invariants()) == []
    assert int(rate[1].replace(",", "")) >= _LEAST_A_SECOND
