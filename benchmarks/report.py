"""The tables: what was measured, and the ratios that must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.targets import Target


@dataclass(frozen=True)
class Ratio:
    """`ours` over `against`, both by name: at least `floor`, and `aim` is the goal."""

    code: str
    what: str
    ours: str
    against: str
    floor: float
    aim: float


RATIOS = (
    Ratio("G1", "cached availability : hello", "availability", "hello", 0.30, 0.45),
    Ratio("G2", "cached availability : 10 KB JsonResponse", "availability", "ten-kb", 0.45, 0.65),
    Ratio("G4", "304 : full cached answer", "not-modified", "availability", 1.15, 1.4),
    Ratio("G5", "price quote : hello", "quote", "hello", 0.25, 0.45),
    Ratio("G6", "booking : bare-view ORM transaction", "booking", "orm", 0.55, 0.85),
    Ratio("G6", "partner's booking : the same", "partner", "orm", 0.55, 0.85),
    Ratio("G7", "booking : psycopg, 4 connections", "booking", "psycopg", 0.15, 0.40),
)


def table_of_rates(targets: Sequence[Target]) -> str:
    """Write what each target did: medians over the rounds, least and most."""
    lines = [
        "| what | a second (median) | least–most | median ms | p95 ms | mean ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for one in targets:
        cells = [median(result[name] for result in one.results) for name in _TIMES]
        lines.append(
            f"| {one.what} | {median(one.rates):,.0f} | {min(one.rates):,.0f}–"
            f"{max(one.rates):,.0f} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |"
        )
    return "\n".join(lines)


_TIMES = ("p50_ms", "p95_ms", "mean_ms")


def table_of_ratios(targets: Sequence[Target]) -> tuple[str, bool]:
    """Write the ratios, and tell whether one is below its floor."""
    by_name = {one.name: one for one in targets}
    lines = ["| # | ratio | measured | floor | aim | |", "|---|---|---:|---:|---:|---|"]
    has_failed = False
    for ratio in RATIOS:
        ours, against = by_name.get(ratio.ours), by_name.get(ratio.against)
        bounds = f"{ratio.floor:g} | {ratio.aim:g}"
        if ours is None or against is None:
            lines.append(f"| {ratio.code} | {ratio.what} | – | {bounds} | not measured |")
            continue
        found = [a / b for a, b in zip(ours.rates, against.rates, strict=True)]
        middle = median(found)
        has_failed |= middle < ratio.floor
        verdict = "below the floor" if middle < ratio.floor else "holds"
        verdict = "**aim reached**" if middle >= ratio.aim else verdict
        measured = f"{middle:.2f} ({min(found):.2f}–{max(found):.2f})"
        lines.append(f"| {ratio.code} | {ratio.what} | {measured} | {bounds} | {verdict} |")
    return "\n".join(lines), has_failed
