"""That the hot statements find their rows by the indexes made for them, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings import schedules
from bookings.actions.expire_holds import expire_holds
from bookings.actions.import_busy import Busy, import_busy
from bookings.models import Booking
from bookings.tests.factories import TUESDAY_10, a_notary, book
from services.tests.fixtures import Catalogue

MANY = """
INSERT INTO bookings_slotclaim (
    id, notary_id, service_id, state, period, starts_at, ends_at, wrap_up_minutes, place_zip,
    held_at, holder_key, token_generation, token_key_id, token_hash, customer_zip, signers,
    documents, promo_code, is_emergency, pricing)
SELECT gen_random_uuid(), k.id, c.service_id, s.state,
       tstzrange(at - interval '30 min', at + interval '75 min'), at, at + interval '1 hour', 15,
       c.place_zip, at, 'address:' || n, 1, 'k', n::text, c.customer_zip, 1, 1, '', false, '{}'
FROM bookings_slotclaim c, bookings_notary k, generate_series(1, 200) AS n,
     LATERAL (SELECT c.starts_at - n * interval '2 hours' AS at) AS t,
     LATERAL (SELECT CASE WHEN n %% 4 = 0 THEN 'RELEASED' ELSE 'BOOKED' END AS state) AS s
"""


@pytest.fixture
def _many(catalogue: Catalogue) -> None:
    for _ in range(60):
        a_notary()
    book()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(MANY, [])
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE bookings_slotclaim")


def plan_of(work: Callable[[], Any], statement: int = 0) -> str:
    """Give PostgreSQL's plan of one of the statements `work` sends.

    Of one that is planned once, the plan for whatever it is asked.
    """
    with CaptureQueriesContext(connection) as queries:
        work()
    sent = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    with connection.cursor() as cursor:
        sql = sent[statement]
        how = "(GENERIC_PLAN)" if "$1" in sql else ""
        cursor.execute(f"EXPLAIN {how} {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.usefixtures("_many")
def test_each_finds_its_claims_by_its_index(catalogue: Catalogue) -> None:
    service, notary_id = catalogue.standard, Booking.objects.get().notary_id
    assert notary_id is not None
    later = TUESDAY_10 + timedelta(days=1)
    busy = [Busy(external_id="x", starts_at=later, ends_at=later + timedelta(hours=1))]
    hot: list[tuple[Callable[[], Any], int, str]] = [
        (
            lambda: schedules.load(service=service, first_day=date(2027, 3, 2), days=14),
            0,
            "claim_starts_live",
        ),
        (
            lambda: schedules.load_around(id_or_slug="ron", starts_at=TUESDAY_10),
            0,
            "claim_starts_live",
        ),
        (
            lambda: schedules.load_locked(
                service=service, notary_id=notary_id, starts_at=TUESDAY_10, holder_key="address:x"
            ),
            0,
            # One notary's few: by the index of the live ones or of the notary, as costs fall.
            "claim_notary",
        ),
        (expire_holds, 1, "claim_expiring"),
        (
            lambda: import_busy(notary_id=notary_id, source="a", busy=busy, is_everything=True),
            -1,
            "claim_no_overlap",
        ),
    ]
    for work, statement, index in hot:
        plan = plan_of(work, statement)
        assert index in plan.replace("slotclaim_notary_id", "claim_notary"), plan
        assert "Seq Scan on bookings_slotclaim" not in plan, plan
