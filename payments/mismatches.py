"""The life of a difference: one row and one case while it lasts, settled when it is gone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from payments.books import Mismatch
from payments.comparison import Found
from payments.states import MismatchKind


def record(*, found: Found, now: datetime, mended: str = "") -> None:
    """Keep a difference and open its case; one that was `mended` at once is kept as closed."""

    def work() -> None:
        open_rows = Mismatch.objects.filter(key=found.key, resolved_at__isnull=True)
        row = Mismatch(
            key=found.key,
            kind=found.kind.value,
            subject=found.subject,
            detail=found.detail[:300],
            repair=found.repair,
            booking_id=found.booking_id,
            found_at=now,
            seen_at=now,
        )
        Mismatch.objects.bulk_create([row], ignore_conflicts=True)
        open_rows.update(seen_at=now, detail=found.detail[:300])
        open_case(
            kind=_case_kind(found.kind),
            key=found.key,
            subject=found.subject,
            summary=found.detail[:300],
            repair=found.repair,
            booking_id=found.booking_id,
            amount_cents=found.amount_cents,
        )
        if mended:
            _resolve(found.key, found.kind, mended, now)

    transactions.run(work)


def resolve_all_but(
    *,
    found: Iterable[Found],
    seen_before: Iterable[Mismatch],
    now: datetime,
    how: str = "A later look finds no difference.",
) -> list[Mismatch]:
    """Close what was seen before and is not found any more, saying `how`; give it."""
    still = {one.key for one in found}
    gone = [row for row in seen_before if row.key not in still]
    for row in gone:
        transactions.run(partial(_resolve, row.key, MismatchKind(row.kind), how, now))
    return gone


def open_mismatches(*, kinds: Iterable[MismatchKind]) -> list[Mismatch]:
    """Give the differences that are still to be mended."""
    return list(
        Mismatch.objects.filter(resolved_at__isnull=True, kind__in=[kind.value for kind in kinds])
    )


def was_mended(*, keys: Iterable[str]) -> set[str]:
    """Tell which of these were found and mended before."""
    return set(
        Mismatch.objects.filter(key__in=list(keys), resolved_at__isnull=False).values_list(
            "key", flat=True
        )
    )


def _resolve(key: str, kind: MismatchKind, how: str, now: datetime) -> None:
    Mismatch.objects.filter(key=key, resolved_at__isnull=True).update(
        resolved_at=now, resolved_how=how[:200]
    )
    settle_case(kind=_case_kind(kind), key=key, how=how)


def _case_kind(kind: MismatchKind) -> CaseKind:
    is_unknown = kind is MismatchKind.UNKNOWN_CHARGE
    return CaseKind.UNKNOWN_CHARGE if is_unknown else CaseKind.MISMATCH
