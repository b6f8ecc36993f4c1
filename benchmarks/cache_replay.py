"""Replay a day of visitors against the cache, and count how often it had the answer.

python -m benchmarks.cache_replay [--requests 6000]

A visit is what a customer's browser asks for: the services, one of them, prices at their ZIP code,
the free times of a week or a day, and now and then a hold. Services, ZIP codes and days are asked
for as people do (Zipf); 2 of 100 requests write. Real PostgreSQL and Redis, real views, no network.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from benchmarks.servers import servers

T = TypeVar("T")

WRITES = 0.02
# Of the requests of a visitor who looks around, as a site's log counts them.
_MIX = (("services", 0.2), ("service", 0.22), ("price", 0.32), ("times", 0.24), ("write", WRITES))
_SERVICES = ("standard-notary", "ron", "loan-signing", "extended-hours")
# The towns we serve, the largest first.
_ZIPS = tuple(
    f"77{end}"
    for end in (
        *(573, 584, 598, 546, 539, 568, 511, 581, "058", "062"),
        *("059", "089", 550, 551, 565, 518, 590, 591, 510, 563),
    )
)
_DAYS = 30
_PAGES = 0.8
_ZIPF = 1.1


@dataclass(frozen=True)
class Request:
    """One request of the replay."""

    kind: str
    path: str
    query: dict[str, Any]


def requests(*, count: int, today: datetime, seed: int = 7) -> Iterator[Request]:
    """Give `count` requests as a day brings them."""
    dice = random.Random(seed)  # noqa: S311 -- a replay must be the same each time
    kinds, shares = [kind for kind, _ in _MIX], [share for _, share in _MIX]
    for _ in range(count):
        kind = dice.choices(kinds, shares)[0]
        asked: dict[str, Any]
        slug = _pick(dice, _SERVICES)
        day = today.date() + timedelta(days=2 + _pick(dice, range(_DAYS)))
        place = {} if slug == "ron" else {"zip": _pick(dice, _ZIPS)}
        # A start on the hour between nine and four, in winter time.
        start = f"{day}T{9 + dice.randrange(8):02d}:00:00-06:00"
        match kind:
            case "services":
                yield Request(kind, "/services", {})
            case "service":
                yield Request(kind, f"/services/{slug}", {})
            case "price":
                asked = {"serviceId": slug, "scheduledDateTime": start, **place}
                yield Request(kind, "/services/pricing", asked)
            case "times":
                ahead = (day - today.date()).days
                # A page shows the week the day is in, counted from today; a program the day.
                is_page = dice.random() < _PAGES
                first = today.date() + timedelta(days=ahead // 7 * 7) if is_page else day
                asked = {"serviceId": slug, "date": first, "days": 7 if is_page else 1, **place}
                yield Request(kind, "/availability", asked)
            case _:
                asked = {"serviceId": slug, "startTime": start, **place}
                yield Request(kind, "/availability/hold", asked)


def _pick(dice: random.Random, items: Sequence[T]) -> T:
    """Give one of the items, the nth a share of 1/n^1.1."""
    weights = [1 / (rank + 1) ** _ZIPF for rank in range(len(items))]
    return dice.choices(items, weights)[0]


def replay(*, count: int, today: datetime) -> Counter[tuple[str, bool]]:
    """Send the requests to the views; give each family's hits and misses."""
    from django.test import Client  # noqa: PLC0415 -- Django is set up by the caller

    from hmnp.core import cache  # noqa: PLC0415 -- see above

    counted: Counter[tuple[str, bool]] = Counter()
    count_as_ever = cache.count_cache

    def note(*, family: str, is_hit: bool, times: int = 1) -> None:
        counted[family, is_hit] += times
        count_as_ever(family=family, is_hit=is_hit, times=times)

    cache.count_cache = note
    client = Client(SERVER_NAME="127.0.0.1")
    try:
        for request in requests(count=count, today=today):
            address = f"/api/v2{request.path}"
            if request.kind == "write":
                answer = client.post(address, request.query, content_type="application/json")
                assert answer.status_code in (201, 409), answer.content  # noqa: S101 -- a proof
            else:
                answer = client.get(address, request.query)
                assert answer.status_code in (200, 422), answer.content  # noqa: S101 -- a proof
    finally:
        cache.count_cache = count_as_ever
    return counted


def share_of_hits(counted: Counter[tuple[str, bool]], *, family: str | None = None) -> float:
    """Give the share of looks that found something, of one family or of all."""
    looks = {key: n for key, n in counted.items() if family in (None, key[0])}
    return sum(n for (_, is_hit), n in looks.items() if is_hit) / max(sum(looks.values()), 1)


@contextmanager
def _site() -> Iterator[None]:
    """Have a database with catalogue and demonstration, and Django set up on it."""
    with servers() as running:
        environment = running.site_environment(database_url=running.database("replay"))
        running.prepare(environment)
        os.environ.update(environment | {"HOLDS_PER_ADDRESS": "off", "LOG_LEVEL": "ERROR"})
        import django  # noqa: PLC0415 -- its settings come from the environment above

        django.setup()
        yield


def main() -> int:
    """Replay on servers of our own; answer 1 when fewer than 95 of 100 looks hit."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.cache_replay", description=__doc__)
    asked.add_argument("--requests", type=int, default=6000)
    options = asked.parse_args()
    with _site():
        counted = replay(count=options.requests, today=datetime.now(tz=UTC))
    for family in sorted({family for family, _ in counted}):
        looks = counted[family, True] + counted[family, False]
        print(f"{family:10} {share_of_hits(counted, family=family):7.2%} of {looks}")
    total = share_of_hits(counted)
    print(f"{'all':10} {total:7.2%} of {counted.total()}")
    return 0 if total >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
