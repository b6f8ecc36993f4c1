"""Where a chart's lines go: drawn by the server, stretched by the page, readable as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hmnp.desk.dashboard_spans import Piece

# Units of the drawing; the page stretches it to whatever width there is.
WIDTH, HEIGHT = 600, 120
_GAP = 0.18

Words = Callable[[float], str]


@dataclass(frozen=True)
class Mark:
    """One piece of the span: its column or step, what it says, and whether it misses the target."""

    x: float
    y: float
    width: float
    height: float
    says: str
    label: str
    value: str
    is_missed: bool
    is_empty: bool


@dataclass(frozen=True)
class Chart:
    """Marks from left to right between `low` and `high`; a line where the target is."""

    marks: Sequence[Mark]
    is_columns: bool
    low: str
    high: str
    first: str
    last: str
    target_y: float | None
    says: str

    @property
    def has_data(self) -> bool:
        """Whether anything was measured."""
        return any(not mark.is_empty for mark in self.marks)


def draw(
    *,
    name: str,
    pieces: Sequence[Piece],
    values: Sequence[float | None],
    words: Words,
    target: float | None = None,
    is_more_better: bool = False,
    is_share: bool = False,
) -> Chart:
    """Draw values by piece; None is a gap. A share ends at 100 and is drawn as steps."""
    known = [value for value in values if value is not None]
    marked = [*known, *([target] if target is not None else [])]
    high = 100.0 if is_share and is_more_better else _round_up(max(marked, default=1.0))
    low = _round_down(min(marked, default=90.0)) if is_share and is_more_better else 0.0
    step = WIDTH / len(pieces)

    def height_of(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.0
        return round(HEIGHT * min(max(share, 0.0), 1.0), 1)

    marks = []
    for place, (piece, value) in enumerate(zip(pieces, values, strict=True)):
        height = height_of(value) if value is not None else 0.0
        is_missed = (
            target is not None
            and value is not None
            and (value < target if is_more_better else value > target)
        )
        said = words(value) if value is not None else "no data"
        marks.append(
            Mark(
                x=round(step * (place + _GAP / 2), 1),
                y=round(HEIGHT - height, 1),
                width=round(step * (1 - _GAP), 1),
                height=max(height, 1.0) if value else height,
                says=f"{piece.long}: {said}",
                label=piece.long,
                value=said,
                is_missed=is_missed,
                is_empty=value is None,
            )
        )
    said = f"{name}: no data yet"
    if known:
        said = f"{name}: from {words(min(known))} to {words(max(known))}"
        if target is not None:
            said += f"; the target is {words(target)}"
    return Chart(
        marks=marks,
        is_columns=not (is_share and is_more_better),
        low=words(low),
        high=words(high),
        first=pieces[0].short,
        last="now",
        target_y=round(HEIGHT - height_of(target), 1) if target is not None else None,
        says=said,
    )


def _round_up(value: float) -> float:
    """Give a figure that a person would end an axis at."""
    if value <= 0:
        return 1.0
    size = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    for part in (1, 2, 2.5, 5, 10, 20, 25, 50, 100):
        if value <= part * size:
            return part * size
    return value


def _round_down(value: float) -> float:
    """Give where an axis that ends at 100 may begin."""
    for bound in (99.0, 95.0, 90.0, 80.0, 50.0):
        if value >= bound + (100 - bound) / 5:
            return bound
    return 0.0
