"""Cases come and go with the facts behind them, in the same transaction."""

from __future__ import annotations

import json

from django.db import connection
from django.db.models.functions import Now

from hmnp.accounts.audit import record_change, record_creation
from hmnp.core.cases import CaseOpened, CaseSettled
from hmnp.core.events import subscribe
from hmnp.desk.models import Case

# What is open already is noticed again by every sweep: only a new row comes back, and is told of.
_OPEN = """
INSERT INTO desk_case (kind, key, subject, booking_id, summary, repair, details, opened_at,
                       closed_how)
VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp(), '')
ON CONFLICT DO NOTHING RETURNING id, opened_at
"""


def subscribe_all() -> None:
    """Subscribe to what any floor states about cases."""
    subscribe(CaseOpened, on_opened)
    subscribe(CaseSettled, on_settled)


def on_opened(event: CaseOpened) -> None:
    """Open the case, unless it is open; the audit log says who did."""
    case = Case(
        kind=event.kind.value,
        key=event.key,
        subject=event.subject,
        booking_id=event.booking_id,
        summary=event.summary,
        repair=event.repair,
        details=event.details,
    )
    sent = (case.kind, case.key, case.subject, case.booking_id, case.summary, case.repair)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [*sent, json.dumps(case.details)])
        row = cursor.fetchone()
    if row is not None:
        case.pk, case.opened_at = row
        record_creation(instance=case)


def on_settled(event: CaseSettled) -> None:
    """Close the case the fact settles, if it is open; the audit log says who did."""
    its = Case.objects.filter(kind=event.kind.value, key=event.key)
    if its.filter(closed_at__isnull=True).update(closed_at=Now(), closed_how=event.how):
        case = its.latest("closed_at")
        record_change(instance=case, changes={"closed_how": ("", event.how)})
