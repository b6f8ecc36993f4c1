"""Cases come and go with the facts behind them, in the same transaction."""

from __future__ import annotations

from hmnp.core.cases import CaseOpened, CaseSettled
from hmnp.core.events import subscribe
from hmnp.core.transactions import database_now
from hmnp.desk.models import Case


def subscribe_all() -> None:
    """Subscribe to what any floor states about cases."""
    subscribe(CaseOpened, on_opened)
    subscribe(CaseSettled, on_settled)


def on_opened(event: CaseOpened) -> None:
    """Open the case, unless it is open."""
    case = Case(
        kind=event.kind.value,
        key=event.key,
        subject=event.subject,
        booking_id=event.booking_id,
        summary=event.summary,
        repair=event.repair,
        details=event.details,
        opened_at=database_now(),
    )
    Case.objects.bulk_create([case], ignore_conflicts=True)


def on_settled(event: CaseSettled) -> None:
    """Close the case the fact settles, if it is open."""
    Case.objects.filter(kind=event.kind.value, key=event.key, closed_at__isnull=True).update(
        closed_at=database_now(), closed_how=event.how
    )
