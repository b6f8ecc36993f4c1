"""`make bench`: the floors and our endpoints in one interleaved run, and the ratios that must hold.

python -m benchmarks [--rounds 5] [--seconds 5] [--save NAME]
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benchmarks import machine
from benchmarks.client import Generator
from benchmarks.report import table_of_rates, table_of_ratios
from benchmarks.servers import Servers, partner_key, servers
from benchmarks.targets import FREE_HOLDS, MORE_NOTARIES, Ours, Target, floors

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure; answer 1 when a floor does not hold."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=2.0)
    asked.add_argument("--threads", type=int, default=0, help="of each worker, not production's")
    asked.add_argument("--save", default="", help="keep the result under this name")
    asked.add_argument("--only", default="", help="targets, separated by commas")
    options = asked.parse_args()
    with servers() as running:
        running.threads = options.threads or running.threads
        site_url = running.database("bench_site")
        ours, targets = _targets(running, site_url)
        if options.only:
            targets = [one for one in targets if one.name in options.only.split(",")]
        facts = machine.facts(database_url=site_url, redis_url=running.lease.redis_url)
        _measure(ours, targets, site_url, rounds=options.rounds, seconds=options.seconds)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    ratios, has_failed = table_of_ratios(targets)
    text = "\n".join(
        [
            f"# Floors and ours, {datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {fact}" for fact in facts),
            f"- granian with 2 workers of {running.threads} threads; {options.rounds} rounds of "
            f"{options.seconds:g} s, interleaved; load average afterwards {load}",
            "",
            table_of_rates(targets),
            "",
            "Ratios are taken within each round, then their median; in brackets least and most.",
            "",
            ratios,
            "",
        ]
    )
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.save}.md").write_text(text, "utf-8")
    return 1 if has_failed else 0


def _targets(running: Servers, site_url: str) -> tuple[Ours, list[Target]]:
    environment = running.site_environment(database_url=site_url)
    print("preparing the site and the floors", flush=True)
    running.prepare(environment)
    key = partner_key(running, environment)
    with psycopg.connect(site_url, autocommit=True) as database:
        database.execute(MORE_NOTARIES)
    running.web(environment)
    floor_url = running.database("bench_floor")
    floor_port = running.floors(floor_url)
    ours = Ours(port=int(environment["PORT"]), partner_key=key)
    return ours, [*floors(port=floor_port, database_url=floor_url), *ours.targets()]


def _measure(
    ours: Ours, targets: list[Target], site_url: str, *, rounds: int, seconds: float
) -> None:
    with ExitStack() as stack, psycopg.connect(site_url, autocommit=True) as database:
        generators = {
            module: stack.enter_context(Generator(module))
            for module in {one.module for one in targets}
        }
        for number in range(rounds):
            for target in targets:
                result = generators[target.module].measure(target.job(seconds))
                ours.note_taken(target, result["sent"])
                target.results.append(result)
                target.rates.append(result["rate"])
                print(f"round {number + 1}: {target.what}: {result['rate']}/s", flush=True)
            database.execute(FREE_HOLDS)


if __name__ == "__main__":
    sys.exit(main())
