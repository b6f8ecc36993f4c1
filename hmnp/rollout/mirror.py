"""What V1 writes while it still takes bookings: taken over at once, its time claimed here too."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from bookings.models import Booking
from bookings.waiting_places import is_waiting_place
from hmnp.core import transactions
from hmnp.core.errors import InvalidSignature, ServiceUnavailable
from hmnp.rollout import shadow
from hmnp.rollout.importing.booking_chunks import import_chunk
from hmnp.rollout.importing.engine import LOCK
from hmnp.rollout.importing.following import follow_booking, follow_payment
from hmnp.rollout.importing.people_and_catalogue import import_small_tables
from hmnp.rollout.importing.staging import stage_rows, staged_row
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1 import context as contexts
from hmnp.rollout.v1.values import Row, pick

logger = logging.getLogger(__name__)

_TOLERANCE_SECONDS = 300
_PATIENCE = "3s"


@dataclass(frozen=True)
class Reported:
    """One row V1 has written; `is_deleted`: it is gone there."""

    table: Table
    row: Row
    is_deleted: bool = False


@dataclass(frozen=True)
class Taken:
    """What became of a report; `is_conflict`: no notary can do it, and a person was called."""

    table: str
    v1_id: str
    state: str
    booking_id: str
    is_conflict: bool
    reason: str


def check_signature(*, header: str, body: bytes, now: float | None = None) -> None:
    """Believe `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `t.body` under V1's secret.

    Raises `ServiceUnavailable` while no secret is set, `InvalidSignature`.
    """
    secret = settings.V1_MIRROR_SECRET
    if not secret:
        raise ServiceUnavailable("V1_MIRROR_SECRET is not set: no report is believed.")
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    sent_at, sent = parts.get("t", ""), parts.get("v1", "")
    if not (sent_at.isascii() and sent_at.isdigit()) or not sent.isascii():
        raise InvalidSignature
    if abs((now if now is not None else time.time()) - int(sent_at)) > _TOLERANCE_SECONDS:
        raise InvalidSignature
    if not hmac.compare_digest(signature(secret=secret, sent_at=int(sent_at), body=body), sent):
        raise InvalidSignature


def signature(*, secret: str, sent_at: int, body: bytes) -> str:
    """Sign a report as V1 must."""
    return hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()


def take_reports(*, reports: Sequence[Reported], now: datetime) -> list[Taken]:
    """Take over what V1 wrote: bookings with their claims, changes, money.

    The same report again changes nothing. Raises `ServiceUnavailable` while an import runs.
    """
    with _one_at_a_time():
        rows = [_kept(one, now) for one in reports]
        unique = {(row["table"], row["v1_id"]): row for row in rows}
        transactions.run(lambda: stage_rows([unique[key] for key in sorted(unique)]))
        ids = {table: [v1_id for kind, v1_id in unique if kind == table] for table, _ in unique}
        _take(ids, now)
        return [_taken(table, v1_id) for table, v1_id in unique]


def _kept(one: Reported, now: datetime) -> dict[str, Any]:
    row = dict(one.row)
    if one.is_deleted:
        known = V1Row.objects.filter(table=one.table.value, v1_id=str(row.get("id"))).first()
        row = {**(known.row if known else {}), **row, "status": "CANCELLED_BY_STAFF"}
        row["updatedAt"] = max(str(row.get("updatedAt") or ""), now.isoformat())
    return staged_row(one.table, row, now)


def _take(ids: dict[str, list[str]], now: datetime) -> None:
    context = contexts.load(now=now)
    import_small_tables(context=context)
    mine = V1Row.objects.filter(table=Table.BOOKING.value, v1_id__in=ids.get("Booking", []))
    new = list(mine.filter(state=RowState.PENDING.value).order_by("pk"))
    for _ in import_chunk(new, context=context):
        pass
    payments = V1Row.objects.filter(table=Table.PAYMENT.value, v1_id__in=ids.get("Payment", []))
    waiting = [RowState.PENDING.value, RowState.CHANGED.value]
    for kept in payments.filter(state__in=waiting).order_by("pk"):
        follow_payment(kept=kept, now=now)
    for kept in mine.filter(state=RowState.CHANGED.value).order_by("pk"):
        follow_booking(kept=kept, context=context)
    for kept in mine:
        shadow.check(kept=kept, context=context)


def _taken(table: str, v1_id: str) -> Taken:
    kept = V1Row.objects.get(table=table, v1_id=v1_id)
    is_booking = kept.table == Table.BOOKING and kept.state != RowState.REJECTED
    booking = None
    if is_booking and kept.target:
        booking = Booking.objects.select_related("notary").filter(pk=kept.target).first()
    notary = booking.notary if booking else None
    return Taken(
        table=table,
        v1_id=v1_id,
        state=kept.state,
        booking_id=kept.target if is_booking else "",
        is_conflict=notary is not None and is_waiting_place(notary),
        reason=kept.reason,
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep out of an import's way, and of another report's. Raises `ServiceUnavailable`."""
    with connection.cursor() as cursor:
        deadline = time.monotonic() + 3
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if cursor.fetchone()[0]:
                break
            if time.monotonic() > deadline:
                raise ServiceUnavailable("An import is running.", retry_after=10)
            time.sleep(0.05)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def take_forwarded(*, asked: Row, said: Row, now: datetime) -> None:
    """Take over a booking V1 has just made at our door, with what it was sent and did not keep.

    Raises `ServiceUnavailable`.
    """
    found = said.get("booking") or said.get("data")
    if not isinstance(found, dict):
        return
    v1_id = pick(found, "id", "bookingId")
    if v1_id is None:
        return
    row = {
        **{name: value for name, value in asked.items() if value is not None},
        **{name: value for name, value in found.items() if value is not None},
        "id": v1_id,
        "status": pick(found, "status") or "PAYMENT_PENDING",
        "scheduledDateTime": pick(found, "scheduledDateTime") or pick(asked, "scheduledDateTime"),
        "updatedAt": pick(found, "updatedAt") or "",
    }
    if pick(row, "priceAtBooking") is None:
        row["priceAtBooking"] = pick(found, "totalAmount")
    take_reports(reports=[Reported(Table.BOOKING, row)], now=now)
