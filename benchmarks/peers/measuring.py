"""The rounds: everybody in turn, and whoever fails is measured no more."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from benchmarks.client import Generator
from benchmarks.peers.jobs import CLIENTS
from benchmarks.servers import Servers
from benchmarks.targets import FREE_HOLDS, Ours, Target


class OutOfTimeError(Exception):
    """The minutes are over."""


@dataclass
class Run:
    """What is measured on which servers; `problems` tells by name what went wrong."""

    running: Servers
    ours: Ours
    site_url: str
    targets: list[Target]
    problems: dict[str, str]

    def measure(self, *, rounds: int, seconds: float) -> int:
        """Measure so many rounds; give how many came to their end before time was over."""
        done = 0
        try:
            with ExitStack() as stack:
                generators = {
                    module: stack.enter_context(Generator(module))
                    for module in {one.module for one in self.targets}
                }
                database = stack.enter_context(psycopg.connect(self.site_url, autocommit=True))
                # The first only warms up: some load half of themselves at the first request.
                for number in range(rounds + 1):
                    for target in self.targets:
                        if target.name not in self.problems:
                            self._turn(target, generators[target.module], number, seconds)
                    done = number
                    database.execute(FREE_HOLDS)
        except OutOfTimeError as problem:
            print(f"{problem}: what follows is of {done} rounds", flush=True)
        for target in self.targets:
            del target.results[done:], target.rates[done:]
        return done

    def _turn(self, target: Target, generator: Generator, number: int, seconds: float) -> None:
        try:
            result = generator.measure(target.job(seconds) | {"connections": CLIENTS})
        except RuntimeError as problem:
            self.problems[target.name] = str(problem)
            print(f"{target.what} went wrong: {problem}\n{self._log_end(target)}", flush=True)
            return
        self.ours.note_taken(target, result["sent"])
        print(f"round {number}: {target.what}: {result['rate']}/s", flush=True)
        if number:
            target.results.append(result)
            target.rates.append(result["rate"])

    def _log_end(self, target: Target) -> str:
        whose = target.name.partition("-")[0]
        children = {child.name: child for child in self.running.children}
        child = children.get(f"{whose}-web") or children["web"]
        return f"the end of {child.name}'s log:\n{child.log_end(lines=12)}"
