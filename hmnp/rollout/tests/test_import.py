"""V1's data taken over: all of it, once, with its money, its times and its dirt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Notary, SlotClaim
from bookings.tests.factories import a_notary
from hmnp.core.invariants import all_invariants, find_breaches
from hmnp.desk.models import Case
from hmnp.rollout.generated_export import write_export
from hmnp.rollout.models import V1Row
from integrations.models import ExternalRef, OutboxJob
from payments.books import LedgerEntry
from payments.models import Payment, Refund
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


def the_import(path: Path, **options: Any) -> None:
    call_command("import_v1", str(path), stripe_is_not_shared=True, **options)


def everything() -> dict[str, list[Any]]:
    """Give what an import writes, in an order that is the same every time."""
    models = (Booking, SlotClaim, Payment, Refund, LedgerEntry, ExternalRef, V1Row, Notary, Case)
    return {
        model.__name__: sorted(
            tuple(sorted((k, str(v)) for k, v in row.items())) for row in model.objects.values()
        )
        for model in models
    }


def breaches() -> list[str]:
    with connection.cursor() as cursor:
        found = find_breaches(cursor=cursor, invariants=all_invariants())
    return [f"{one.code} {one.name}: {one.subject} {one.detail}" for one in found]


def test_a_dirty_export_comes_over_whole_and_the_second_time_changes_nothing(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_notary(home_zip="77573")
    a_notary(home_zip="77058", skills=["ron", "standard-notary"])
    export = tmp_path / "v1.jsonl"
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    with export.open("w") as file:
        dirt = write_export(file=file, bookings=600, seed=7, now=now)
    assert len(dirt) > 15
    the_import(export)
    said = capsys.readouterr().out
    assert "Counts and money agree." in said
    first = everything()
    ended = V1Row.objects.values_list("state", flat=True)
    assert set(ended) == {"IMPORTED", "MERGED", "REJECTED"}
    assert OutboxJob.objects.count() == 0
    assert breaches() == []
    the_import(export)
    assert everything() == first
