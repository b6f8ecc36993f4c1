"""`make bench-scale`: what the same thing costs as the house fills up.

    python -m benchmarks.growth [--sizes 1000,10000,100000,1000000] [--notaries 200] [--save NAME]
                                [--filled 1000000=postgres://…]

For each size a database of its own is filled by `generate_bookings`, probed and dropped. One that
is filled already is named with `--filled`; it is probed, bookings are added to it, and it stays.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import machine
from benchmarks.servers import Servers, servers
from hmnp.dev.processes import python_module

RESULTS = Path(__file__).parent / "results"
# A booking with everything that belongs to it, indexes included.
_BYTES_A_BOOKING = 12_000
_COLUMNS = {
    "availability_ms": "free times of a day, uncached, ms",
    "availability_one_notary_ms": "the same with 1 notary, ms",
    "hold_ms": "hold, ms",
    "booking_ms": "booking, ms",
    "list_ms": "staff list, ms",
    "list_cpu_ms": "of which our processor time, ms",
    "list_deep_ms": "its page 100, or the last, ms",
    "list_filtered_ms": "one notary's completed ones, ms",
    "search_ms": "staff search by a common name, ms",
    "search_cpu_ms": "of which our processor time, ms",
    "search_email_ms": "staff search by e-mail, ms",
    "search_phone_ms": "staff search by phone, ms",
    "today_ms": "Today, all notaries, ms",
    "week_ms": "a notary's week, ms",
    "page_ms": "a booking's page, ms",
    "payments_ms": "list of payments, ms",
    "jobs_ms": "list of outbox jobs, ms",
    "plain_list_ms": "default ModelAdmin list, ms",
    "plain_search_ms": "default ModelAdmin search, ms",
    "list_statements": "statements of the staff list",
    "search_statements": "of a search in it",
    "today_statements": "of Today",
    "page_statements": "of a booking's page",
}


def main() -> int:
    """Measure every size; answer 1 when something grows faster than it may."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    asked.add_argument("--sizes", default="1000,10000,100000")
    asked.add_argument("--notaries", type=int, default=200)
    asked.add_argument("--save", default="", help="keep the result under this name")
    asked.add_argument(
        "--filled", action="append", default=[], metavar="SIZE=URL", help="filled before; kept"
    )
    options = asked.parse_args()
    filled = {int(size): url for size, _, url in (one.partition("=") for one in options.filled)}
    sizes = [int(size) for size in options.sizes.split(",")]
    needed = max((size for size in sizes if size not in filled), default=0) * _BYTES_A_BOOKING
    if shutil.disk_usage(tempfile.gettempdir()).free < 3 * needed:
        sys.exit(f"{needed / 1e9:.0f} GB are written, and three times that must be free.")
    with servers() as running:
        facts = machine.facts(
            database_url=running.lease.database_url, redis_url=running.lease.redis_url
        )
        found = {
            size: _probe_filled(running, filled[size])
            if size in filled
            else _probe_own(running, size, options.notaries)
            for size in sizes
        }
    rows, has_failed = _verdicts(found)
    text = "\n".join(
        [
            f"# What grows, {datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {fact}" for fact in facts),
            f"- {options.notaries} notaries; medians inside one process, without HTTP",
            "",
            _table(found),
            "",
            rows,
            "",
        ]
    )
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.save}.md").write_text(text, "utf-8")
    return 1 if has_failed else 0


def _probe_filled(running: Servers, url: str) -> dict[str, Any]:
    found = _probe(running, running.site_environment(database_url=url), url)
    return found | {"generated": "before this run"}


def _probe_own(running: Servers, size: int, notaries: int) -> dict[str, Any]:
    name = f"bench_{size}"
    url = running.database(name)
    environment = running.site_environment(database_url=url)
    running.prepare(environment)
    fill = [sys.executable, "manage.py", "generate_bookings", "--seed", "1"]
    fill += ["--bookings", str(size), "--notaries", str(notaries)]
    said = running.run("generate", fill, environment)
    print(said, flush=True)
    found = _probe(running, environment, url) | {"generated": said.splitlines()[-1]}
    with psycopg.connect(running.lease.database_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    return found


def _probe(running: Servers, environment: dict[str, str], url: str) -> dict[str, Any]:
    probed = running.run("probe", python_module("benchmarks.probe"), environment)
    found: dict[str, Any] = json.loads(probed.splitlines()[-1])
    with psycopg.connect(url, autocommit=True) as server:
        row = server.execute("SELECT pg_database_size(current_database())").fetchone()
        found["bytes"] = row[0] if row else 0
    print(json.dumps(found), flush=True)
    return found


def _table(found: dict[int, dict[str, Any]]) -> str:
    sizes = list(found)
    lines = ["| | " + " | ".join(f"{size:,} bookings" for size in sizes) + " |"]
    lines.append("|---|" + "---:|" * len(sizes))
    for key, title in _COLUMNS.items():
        cells = [str(found[size].get(key, "–")) for size in sizes]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    for title, write in (
        ("database, MB", lambda one: f"{one['bytes'] / 1e6:,.0f}"),
        ("generated", lambda one: one["generated"].rpartition(", ")[2]),
    ):
        lines.append(f"| {title} | " + " | ".join(write(found[size]) for size in sizes) + " |")
    problems = {one["desk_problem"] for one in found.values() if "desk_problem" in one}
    return "\n".join([*lines, *(f"\nThe desk could not be measured: {one}" for one in problems)])


def _verdicts(found: dict[int, dict[str, Any]]) -> tuple[str, bool]:
    """Write what may grow how far, and tell whether something went further."""
    least, most = found[min(found)], found[max(found)]
    smaller = found.get(10_000, least)
    checks = [
        ("C1", "uncached availability", most, "availability_ms", smaller, "availability_ms", 2.0),
        ("C2", "1 → all notaries", most, "availability_ms", most, "availability_one_notary_ms", 40),
        ("C4", "hold", most, "hold_ms", least, "hold_ms", 2.0),
        ("C6", "booking", most, "booking_ms", least, "booking_ms", 2.0),
        ("C7", "staff list : default ModelAdmin", most, "list_ms", most, "plain_list_ms", 0.2),
        ("C8", "staff search : staff list", most, "search_ms", most, "list_ms", 3.0),
        ("G13", "statements of the staff list", most, "list_statements", {"one": 1}, "one", 6),
    ]
    lines = ["| # | what | measured | at most | |", "|---|---|---:|---:|---|"]
    has_failed = False
    for code, what, a, a_key, b, b_key, limit in checks:
        if not a.get(a_key) or not b.get(b_key):
            lines.append(f"| {code} | {what} | – | {limit:g} | not measured |")
            continue
        ratio = a[a_key] / b[b_key]
        has_failed |= ratio > limit
        verdict = "**more than it may**" if ratio > limit else "holds"
        lines.append(f"| {code} | {what} | {ratio:.2f} | {limit:g} | {verdict} |")
    return "\n".join(lines), has_failed


if __name__ == "__main__":
    sys.exit(main())
