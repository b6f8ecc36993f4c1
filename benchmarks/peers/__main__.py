"""`make bench-peers`: other booking systems beside ours, in one interleaved run (G8, G9, G11).

    python -m benchmarks.peers [--rounds 3] [--seconds 3] [--minutes 30] [--save NAME] [--at FOLDER]

Each is installed into an environment of its own below FOLDER (or $BENCH_PEERS_AT), which is kept;
without one they go with everything else at the end. Installing needs a package index. Each is set
up as its own documentation says and served by gunicorn's sync workers, as many as granian has.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import psycopg

from benchmarks import machine
from benchmarks.peers import appointment_peer, pretix_peer
from benchmarks.peers.environments import install
from benchmarks.peers.jobs import CLIENTS
from benchmarks.peers.measuring import OutOfTimeError, Run
from benchmarks.peers.ratios import table_of_ratios
from benchmarks.report import table_of_rates
from benchmarks.servers import Servers, partner_key, servers
from benchmarks.targets import MORE_NOTARIES, Ours, Target
from hmnp.dev.processes import ProcessFailedError

RESULTS = Path(__file__).parents[1] / "results"
_PEERS: dict[str, tuple[tuple[str, ...], Callable[[Servers, Path], list[Target]]]] = {
    "pretix": (pretix_peer.PACKAGES, pretix_peer.start),
    "appointment": (appointment_peer.PACKAGES, appointment_peer.start),
}
# What is compared is measured one right after the other.
_ORDER = (
    ("uncached", "appointment-slots"),
    ("hold", "pretix-cart"),
    ("booking", "pretix-order", "appointment-booking"),
)
# There are so many days and places to ask for that nobody asked for before.
_MOST_ROUNDS = 4


def main() -> int:
    """Measure whoever can be set up; answer 1 when a ratio is below its floor or missing."""
    options = _options()
    _end_after(minutes=options.minutes)
    try:
        return _run(options)
    except OutOfTimeError as problem:
        print(f"{problem}, and no round came to its end")
        return 1


def _run(options: argparse.Namespace) -> int:
    at = options.at or os.environ.get("BENCH_PEERS_AT")
    problems: dict[str, str] = {}
    with servers() as running:
        folder = Path(at).absolute() if at else running.folder / "environments"
        folder.mkdir(parents=True, exist_ok=True)
        site_url = running.database("bench_site")
        targets, ours = _ours(running, site_url)
        for name in options.only.split(","):
            try:
                targets += _peer(running, folder, name)
            except (ProcessFailedError, subprocess.TimeoutExpired, OSError) as problem:
                problems[name] = f"cannot be set up: {problem}"
                print(f"{name} {problems[name]}", flush=True)
        order = [name for names in _ORDER for name in names]
        targets.sort(key=lambda one: order.index(one.name))
        facts = machine.facts(database_url=site_url, redis_url=running.lease.redis_url)
        run = Run(running, ours, site_url, targets, problems)
        rounds = run.measure(rounds=options.rounds, seconds=options.seconds)
        load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    signal.alarm(0)
    measured = [one for one in targets if one.name not in problems and one.rates]
    ratios, has_failed = table_of_ratios(measured)
    packages = ", ".join(_PEERS[name][0][0].replace("==", " ") for name in options.only.split(","))
    text = "\n".join(
        [
            f"# Peers and ours, {datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {fact}" for fact in facts),
            f"- {rounds} rounds of {options.seconds:g} s, interleaved, after one that is not "
            f"counted; {CLIENTS} clients; load average afterwards {load}",
            f"- {packages}, under gunicorn with 2 sync workers; ours under granian with 2 workers "
            f"of {running.threads} threads",
            *(f"- **{name}**: {problem.splitlines()[0]}" for name, problem in problems.items()),
            "",
            table_of_rates(measured),
            "",
            "Ratios are taken within each round, then their median; in brackets least and most.",
            "",
            ratios,
            "",
        ]
    )
    print(text)
    if options.save and measured:
        (RESULTS / f"{options.save}.md").write_text(text, "utf-8")
    return 1 if has_failed else 0


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    asked.add_argument("--rounds", type=int, default=3, choices=range(1, _MOST_ROUNDS + 1))
    asked.add_argument("--seconds", type=float, default=3.0)
    asked.add_argument("--minutes", type=int, default=30, help="the most that all of it may take")
    asked.add_argument("--save", default="", help="keep the result under this name")
    asked.add_argument("--only", default=",".join(_PEERS), help="peers, separated by commas")
    asked.add_argument("--at", default="", help="where the peers' environments are kept")
    options = asked.parse_args()
    if unknown := set(options.only.split(",")) - set(_PEERS):
        asked.error(f"no such peer: {', '.join(sorted(unknown))}")
    return options


def _end_after(*, minutes: int) -> None:
    def over(*_: object) -> NoReturn:
        raise OutOfTimeError(f"not done within {minutes} minutes")

    signal.signal(signal.SIGALRM, over)
    signal.alarm(minutes * 60)


def _ours(running: Servers, site_url: str) -> tuple[list[Target], Ours]:
    print("preparing our site", flush=True)
    environment = running.site_environment(database_url=site_url)
    running.prepare(environment)
    key = partner_key(running, environment)
    with psycopg.connect(site_url, autocommit=True) as database:
        database.execute(MORE_NOTARIES)
    running.web(environment)
    ours = Ours(port=int(environment["PORT"]), partner_key=key)
    wanted = {names[0] for names in _ORDER}
    return [one for one in ours.targets() if one.name in wanted], ours


def _peer(running: Servers, folder: Path, name: str) -> list[Target]:
    packages, start = _PEERS[name]
    install(running, folder / name, packages)
    return start(running, folder / name)


if __name__ == "__main__":
    sys.exit(main())
