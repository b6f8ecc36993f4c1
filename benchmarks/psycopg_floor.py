"""The least booking there is, in plain SQL by a plain driver, over so many connections.

A process of its own, like the load generator: one job a line in, one result a line out.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.floors.data import DESTINATIONS, PRICING
from benchmarks.load import Result

_DEAD = """
    DELETE FROM floors_claim
    WHERE notary_id = %s AND state = 'HELD' AND expires_at <= clock_timestamp()
"""
_CLAIM = """
    INSERT INTO floors_claim (id, notary_id, state, period)
    VALUES (%s, %s, 'BOOKED', tstzrange(%s, %s))
"""
_BOOKING = """
    INSERT INTO floors_booking (id, claim_id, customer_name, customer_email, price_cents, pricing,
                                status, created_at)
    VALUES (%s, %s, %s, %s, 3500, %s, 'PENDING_PAYMENT', now())
"""
_PAYMENT = """
    INSERT INTO floors_payment (id, booking_id, amount_cents, status)
    VALUES (%s, %s, 3500, 'CREATED')
"""
_OUTBOX = """
    INSERT INTO floors_outbox (id, booking_id, destination, run_at)
    SELECT gen_random_uuid(), %s, unnest(%s::text[]), now()
"""
_AUDIT = """
    INSERT INTO floors_audit (booking_id, action, changes, at) VALUES (%s, 'created', '{}', now())
"""


def _work(address: str, starts: list[tuple[int, str]], end: float, result: Result) -> None:
    with psycopg.connect(address) as connection:
        for notary_id, text in starts:
            begun = time.perf_counter()
            if begun >= end:
                return
            starts_at = datetime.fromisoformat(text)
            claim_id, booking_id = uuid.uuid4(), uuid.uuid4()
            with connection.transaction():
                run = connection.execute
                run(_DEAD, [notary_id])
                ends_at = starts_at + timedelta(minutes=35)
                run(_CLAIM, [claim_id, notary_id, starts_at, ends_at])
                name, email = "Ana María Ruiz", "ana.ruiz@example.com"
                run(_BOOKING, [booking_id, claim_id, name, email, Jsonb(PRICING)])
                run(_PAYMENT, [uuid.uuid4(), booking_id])
                run(_OUTBOX, [booking_id, list(DESTINATIONS)])
                run(_AUDIT, [booking_id])
            result.took.append(time.perf_counter() - begun)


def measure(job: dict[str, Any]) -> Result:
    """Book for so many seconds; every (notary, start) once."""
    result, begun = Result(), time.perf_counter()
    end, count = begun + job["seconds"], job["connections"]
    threads = [
        threading.Thread(
            target=_work, args=(job["address"], job["starts"][number::count], end, result)
        )
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.count = result.sent = len(result.took)
    result.seconds = time.perf_counter() - begun
    return result


def main() -> None:
    """Do the jobs that are asked for until the input ends."""
    for line in sys.stdin:
        print(json.dumps(measure(json.loads(line)).summary()), flush=True)


if __name__ == "__main__":
    main()
