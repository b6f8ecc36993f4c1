"""A hundred thousand bookings of V1, twice, and killed in between: by night."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from bookings.models import Booking
from bookings.tests.factories import a_notary
from hmnp.core.invariants import all_invariants, find_breaches
from hmnp.rollout.generated_export import write_export
from hmnp.rollout.importing import engine
from hmnp.rollout.importing.workers import import_in_parts
from hmnp.rollout.models import V1Row
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
_ROWS = int(os.environ.get("V1_ROWS", "100000"))
_CORES = 2
_LEAST_A_SECOND = 2000


def cpu_seconds() -> float:
    """Give what this process, its children and the whole database server have used so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    server = int(_stat(backend)[3])
    used = sum(int(ticks) for ticks in _stat(server)[13:17])
    for path in Path("/proc").glob("[0-9]*"):
        try:
            found = _stat(int(path.name))
        except OSError:
            continue
        if int(found[3]) == server:
            used += int(found[13]) + int(found[14])
    return used / os.sysconf("SC_CLK_TCK") + sum(os.times()[:4])


def _stat(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text()
    # The name in parentheses may have blanks.
    return [str(pid), "", *text.rpartition(")")[2].split()]


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
    catalogue: Catalogue,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bulk: list[float] = []

    def measured(**kwargs: Any) -> int:
        before = cpu_seconds()
        count = import_in_parts(**kwargs)
        bulk.append(cpu_seconds() - before)
        return count

    monkeypatch.setattr(engine, "import_in_parts", measured)
    for number in range(6):
        a_notary(home_zip=("77573", "77058", "77591")[number % 3])
    a_notary(skills=["ron"], hours=(0, 1440))
    export = tmp_path / "v1.jsonl"
    with export.open("w") as file:
        write_export(file=file, bookings=_ROWS, seed=1, now=timezone.now())
    spent = cpu_seconds()
    call_command("import_v1", str(export), stripe_is_not_shared=True)
    spent = cpu_seconds() - spent
    said = capsys.readouterr().out
    first = fingerprints()
    call_command("import_v1", str(export), stripe_is_not_shared=True)
    rate = _CORES * _ROWS / bulk[0]
    with capsys.disabled():
        sys.stderr.write(
            f"{said}\n{bulk[0]:.1f} CPU seconds in bulk: {rate:,.0f} a second on two cores\n"
            f"{spent:.1f} CPU seconds in all: {_CORES * _ROWS / spent:,.0f} a second\n"
        )
    assert fingerprints() == first
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        assert find_breaches(cursor=cursor, invariants=all_invariants()) == []
    # Of processors, not of the clock: this machine does other things, too. The database server's
    # count like ours.
    assert rate >= _LEAST_A_SECOND


def test_killed_again_and_again_it_comes_to_the_same(catalogue: Catalogue, tmp_path: Path) -> None:
    for number in range(3):
        a_notary(home_zip=("77573", "77058", "77591")[number])
    export = tmp_path / "v1.jsonl"
    with export.open("w") as file:
        write_export(file=file, bookings=20_000, seed=5, now=timezone.now())
    settings = connection.settings_dict
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**settings)
    command = [sys.executable, "manage.py", "import_v1", str(export), "--stripe-is-not-shared"]
    draw = random.Random(5)  # noqa: S311  # repeatable, not secret
    kills = 0
    for _ in range(200):
        process = subprocess.Popen(
            command,
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=draw.uniform(2, 5) if kills < 6 else 300)
            break
        except subprocess.TimeoutExpired:
            # The command and whatever it has forked, between any two of their steps.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    assert process.returncode == 0
    assert kills > 2
    ended = V1Row.objects.values_list("table", "state").order_by().annotate(n=Count("pk"))
    assert {state for _, state, _ in ended} == {"IMPORTED", "MERGED", "REJECTED"}
    imported = sum(n for table, state, n in ended if (table, state) == ("Booking", "IMPORTED"))
    assert Booking.objects.count() == imported > 19_000
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        assert find_breaches(cursor=cursor, invariants=all_invariants()) == []
