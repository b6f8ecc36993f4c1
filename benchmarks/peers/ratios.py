"""Ours against each peer's: what must hold, and what is the goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.targets import Target


@dataclass(frozen=True)
class Ratio:
    """`ours` so many times `against`; without a floor it is told for what it is."""

    code: str
    ours: str
    against: str
    floor: float | None
    aim: float | None


RATIOS = (
    Ratio("G8", "booking", "pretix-order", 8, 15),
    Ratio("G9", "hold", "pretix-cart", 8, 15),
    Ratio("G11", "uncached", "appointment-slots", 8, 20),
    Ratio("", "booking", "appointment-booking", None, None),
)


def table_of_ratios(targets: Sequence[Target]) -> tuple[str, bool]:
    """Write the ratios, and tell whether one is below its floor or could not be measured."""
    by_name = {one.name: one for one in targets}
    lines = ["| # | ratio | measured | floor | aim | |", "|---|---|---:|---:|---:|---|"]
    has_failed = False
    for ratio in RATIOS:
        ours, peer = by_name.get(ratio.ours), by_name.get(ratio.against)
        bounds = f"{_times(ratio.floor)} | {_times(ratio.aim)}"
        if ours is None or peer is None:
            what = f"{ratio.ours} : {ratio.against}"
            lines.append(f"| {ratio.code} | {what} | – | {bounds} | not measured |")
            has_failed |= ratio.floor is not None
            continue
        found = [a / b for a, b in zip(ours.rates, peer.rates, strict=True)]
        middle = median(found)
        is_below = ratio.floor is not None and middle < ratio.floor
        has_failed |= is_below
        lines.append(
            f"| {ratio.code} | {ours.what} : {peer.what} | {middle:.1f}× ({min(found):.1f}–"
            f"{max(found):.1f}) | {bounds} | {_verdict(ratio, middle)} |"
        )
    return "\n".join(lines), has_failed


def _verdict(ratio: Ratio, middle: float) -> str:
    if ratio.floor is None or ratio.aim is None:
        return ""
    if middle < ratio.floor:
        return "below the floor"
    return "**aim reached**" if middle >= ratio.aim else "holds"


def _times(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}×"
