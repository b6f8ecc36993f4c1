"""A load generator for a booking at django-appointment: two posts, one leading to the other.

A process of its own, one thread a customer; a job a line (JSON) in, a result a line out, like
`benchmarks.load`. A booking counts when the second post sends the customer to the thank-you page.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from benchmarks.load import Result

_CUSTOMER = {
    "name": "Ana María Ruiz",
    "email": "ana.ruiz@example.com",
    "phone_0": "US",
    "phone_1": "7135550188",
    "address": "1200 Smith St, Houston, TX 77002",
    "payment_type": "full",
}
# Its cookie and its form field carry the same secret.
_CSRF = "b" * 32


class RefusedError(Exception):
    """An answer that is not the one wanted."""


def run(job: dict[str, Any]) -> Result:
    """Book for so many seconds, one visit after another on each connection."""
    visits = iter(job["visits"])
    begun = time.perf_counter()
    end = begun + job["seconds"]

    def customer(session: str) -> Result:
        found = Result()
        # next() on a list's iterator is one step, so no visit is given out twice.
        while time.perf_counter() < end and (visit := next(visits, None)) is not None:
            sent_at = time.perf_counter()
            found.sent += 1
            _book(job, session, visit)
            if (now := time.perf_counter()) <= end:
                found.count += 1
                found.took.append(now - sent_at)
        return found

    total = Result()
    with ThreadPoolExecutor(max_workers=job["connections"]) as pool:
        for part in pool.map(customer, job["sessions"][: job["connections"]]):
            total.count += part.count
            total.sent += part.sent
            total.took += part.took
    total.seconds = min(time.perf_counter(), end) - begun
    return total


def _book(job: dict[str, Any], session: str, visit: dict[str, Any]) -> None:
    wanted = {
        "date": visit["date"],
        "start_time": visit["start_time"],
        "end_time": visit["end_time"],
        "service": visit["service"],
        "staff_member": visit["staff"],
    }
    client_page = _post(job, session, "/appointment/request-submit/", wanted)
    if "/client-info/" not in client_page:
        raise RefusedError(f"the first post leads to {client_page}")
    thanks = _post(job, session, client_page, _CUSTOMER)
    if "/thank-you/" not in thanks:
        raise RefusedError(f"the second post leads to {thanks}")


def _post(job: dict[str, Any], session: str, path: str, fields: dict[str, Any]) -> str:
    """Send a form; give where it leads."""
    connection = HTTPConnection(job["host"], job["port"], timeout=30)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"sessionid={session}; csrftoken={_CSRF}",
    }
    try:
        body = urlencode(fields | {"csrfmiddlewaretoken": _CSRF})
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 302:
        raise RefusedError(f"{path} answers {answer.status}: {text[:600].decode(errors='replace')}")
    return answer.headers["Location"] or ""


def main() -> None:
    """Do the jobs that are asked for, one after another, until the input ends."""
    for line in sys.stdin:
        try:
            result = run(json.loads(line))
        except (OSError, HTTPException, RefusedError) as problem:
            result = Result(problem=f"{type(problem).__name__}: {problem}")
        print(json.dumps(result.summary()), flush=True)


if __name__ == "__main__":
    main()
