"""Days drawn on a time axis: where each drive, visit and busy time begins and how wide it is.

Pure; numbers are units of a drawing `WIDTH` wide, so that it scales with the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hmnp.core.money import show
from hmnp.core.pages import clock, length
from hmnp.core.times import at_minute
from hmnp.desk.day_reading import Busy, NotaryDay, Visit

WIDTH = 1000
_LEFT = 128
_HOUR = timedelta(hours=1)
# What is shown of a day at least: 7 am to 9 pm.
_OPENS, _CLOSES = 7 * 60, 21 * 60
_LEAST_GAP = timedelta(minutes=30)
_TONES = {
    "PENDING_PAYMENT": "unpaid",
    "CONFIRMED": "booked",
    "IN_PROGRESS": "now",
    "COMPLETED": "done",
    "NO_SHOW": "done",
}
STATES = {
    "HELD": "held by a visitor",
    "PAYING": "being paid for",
    "CLOSING": "its payment is being ended",
    "BOOKED": "booked",
}
STATUSES = {
    "PENDING_PAYMENT": "waits for the payment",
    "CONFIRMED": "confirmed",
    "IN_PROGRESS": "under way",
    "COMPLETED": "done",
    "NO_SHOW": "nobody was there",
}


@dataclass(frozen=True)
class Piece:
    """A rectangle of a lane; `kind` is drive, visit, wrap, busy or shut."""

    kind: str
    x: float
    width: float
    title: str = ""
    text: str = ""
    second: str = ""
    tone: str = ""
    booking_id: object = None


@dataclass(frozen=True)
class Line:
    """One line of a day told in words; `kind` is drive, visit, gap or busy."""

    kind: str
    when: str
    text: str
    second: str = ""
    tone: str = ""
    note: str = ""
    booking_id: object = None


@dataclass(frozen=True)
class Lane:
    """One notary's one day, drawn and told."""

    day: NotaryDay
    pieces: list[Piece]
    lines: list[Line]
    driving: str

    @property
    def count(self) -> int:
        """How many appointments there are; times that are only held do not count."""
        return sum(1 for visit in self.day.visits if visit.booking_id)


@dataclass(frozen=True)
class Axis:
    """A stretch of local time, `shift`ed by whole days when lanes are of different days."""

    zone: ZoneInfo
    opens: timedelta
    closes: timedelta

    def x(self, at: datetime, *, of: NotaryDay) -> float:
        """Give where an instant of a day lies, kept within the drawing."""
        share = (at - of.starts_at - self.opens) / (self.closes - self.opens)
        return round(_LEFT + (WIDTH - _LEFT) * min(max(share, 0.0), 1.0), 1)

    def ticks(self, *, of: NotaryDay) -> list[tuple[float, str]]:
        """Give every full hour and what it is called."""
        found, ahead = [], self.opens
        while ahead < self.closes:
            at = of.starts_at + ahead
            local = at.astimezone(self.zone)
            suffix = "am" if local.hour < 12 else "pm"
            found.append((self.x(at, of=of), f"{local.hour % 12 or 12} {suffix}"))
            ahead += _HOUR
        return found


@dataclass(frozen=True)
class Drawing:
    """Lanes over one axis."""

    axis: Axis
    lanes: list[Lane]
    ticks: list[tuple[float, str]] = field(default_factory=list)
    now_x: float | None = None
    # The lanes that it is now in: all of one day's, or one of a week's.
    now_first: int = 0
    now_after: int = 0

    @property
    def count(self) -> int:
        """How many appointments there are in all."""
        return sum(lane.count for lane in self.lanes)


def draw(*, days: Sequence[NotaryDay], zone: ZoneInfo, now: datetime) -> Drawing:
    """Lay the days over one axis, wide enough for all that is in them."""
    axis = _axis(days, zone)
    lanes = [_lane(day, axis) for day in days]
    here = [number for number, day in enumerate(days) if day.starts_at <= now < day.ends_at]
    now_x = None
    if here and axis.opens <= now - days[here[0]].starts_at <= axis.closes:
        now_x = axis.x(now, of=days[here[0]])
    return Drawing(
        axis=axis,
        lanes=lanes,
        ticks=axis.ticks(of=days[0]) if days else [],
        now_x=now_x,
        now_first=here[0] if here else 0,
        now_after=here[-1] + 1 if here else 0,
    )


def _axis(days: Sequence[NotaryDay], zone: ZoneInfo) -> Axis:
    opens, closes = timedelta(minutes=_OPENS), timedelta(minutes=_CLOSES)
    if days:
        opens = at_minute(days[0].day, _OPENS, zone=zone) - days[0].starts_at
        closes = at_minute(days[0].day, _CLOSES, zone=zone) - days[0].starts_at
    for day in days:
        for visit in day.visits:
            opens = min(opens, visit.drives_at - day.starts_at)
            closes = max(closes, visit.free_at - day.starts_at)
    opens = max(opens, timedelta()) // _HOUR * _HOUR
    longest = max((day.ends_at - day.starts_at for day in days), default=timedelta(days=1))
    return Axis(zone=zone, opens=opens, closes=min(-(-closes // _HOUR) * _HOUR, longest))


def _lane(day: NotaryDay, axis: Axis) -> Lane:
    pieces = [
        *(_shut(day, axis)),
        *(_busy_piece(busy, day, axis) for busy in day.busy),
        *(piece for visit in day.visits for piece in _visit_pieces(visit, day, axis)),
    ]
    driving = sum(visit.drive_minutes for visit in day.visits if visit.booking_id)
    return Lane(
        day=day,
        pieces=pieces,
        lines=_lines(day, axis.zone),
        driving=length(driving) if driving else "",
    )


def _shut(day: NotaryDay, axis: Axis) -> list[Piece]:
    """Shade what lies outside the working hours."""
    begin, end = day.starts_at + axis.opens, day.starts_at + axis.closes
    found, cursor = [], begin
    for opens, closes in [*day.windows, (end, end)]:
        if opens > cursor:
            found.append(_piece("shut", cursor, min(opens, end), day, axis))
        cursor = max(cursor, closes)
    return found


def _piece(
    kind: str, starts_at: datetime, ends_at: datetime, day: NotaryDay, axis: Axis, **more: object
) -> Piece:
    x = axis.x(starts_at, of=day)
    width = round(axis.x(ends_at, of=day) - x, 1)
    return Piece(kind=kind, x=x, width=max(width, 0), **more)  # type: ignore[arg-type]  # as named


def _busy_piece(busy: Busy, day: NotaryDay, axis: Axis) -> Piece:
    when = _span(busy.starts_at, busy.ends_at, axis.zone)
    return _piece("busy", busy.starts_at, busy.ends_at, day, axis, title=f"Busy outside, {when}")


def _visit_pieces(visit: Visit, day: NotaryDay, axis: Axis) -> list[Piece]:
    found = []
    if visit.drives_at < visit.starts_at:
        title = f"{length(visit.drive_minutes)} drive to {visit.place_zip}"
        found.append(_piece("drive", visit.drives_at, visit.starts_at, day, axis, title=title))
    if visit.free_at > visit.ends_at:
        found.append(_piece("wrap", visit.ends_at, visit.free_at, day, axis, title="Wrap-up"))
    name = visit.customer or STATES[visit.state]
    found.append(
        _piece(
            "visit",
            visit.starts_at,
            visit.ends_at,
            day,
            axis,
            title=", ".join(
                part
                for part in (
                    _span(visit.starts_at, visit.ends_at, axis.zone),
                    visit.reference,
                    name,
                    visit.service,
                    visit.place,
                    _state(visit),
                )
                if part
            ),
            text=name,
            second=clock(visit.starts_at, zone=axis.zone),
            tone=_tone(visit),
            booking_id=visit.booking_id,
        )
    )
    return found


def _tone(visit: Visit) -> str:
    return _TONES.get(visit.status, "held") if visit.booking_id else "held"


def _state(visit: Visit) -> str:
    return STATUSES.get(visit.status) or STATES[visit.state]


def _lines(day: NotaryDay, zone: ZoneInfo) -> list[Line]:
    """Tell the day in order: drives, visits, what is taken outside, and longer gaps between."""
    happens: list[tuple[datetime, datetime, list[Line]]] = [
        (
            busy.starts_at,
            busy.ends_at,
            [Line("busy", _span(busy.starts_at, busy.ends_at, zone), "Busy in their own calendar")],
        )
        for busy in day.busy
    ]
    happens += [(visit.drives_at, visit.free_at, _visit_lines(visit, zone)) for visit in day.visits]
    happens.sort(key=lambda one: one[0])
    found: list[Line] = []
    free_from: datetime | None = None
    for starts_at, ends_at, lines in happens:
        if free_from is not None and starts_at - free_from >= _LEAST_GAP:
            minutes = int((starts_at - free_from).total_seconds() // 60)
            found.append(Line("gap", "", f"{length(minutes)} free"))
        found += lines
        free_from = max(free_from or ends_at, ends_at)
    return found


def _visit_lines(visit: Visit, zone: ZoneInfo) -> list[Line]:
    found = []
    if visit.drive_minutes:
        leaves = clock(visit.drives_at, zone=zone)
        found.append(Line("drive", leaves, f"{length(visit.drive_minutes)} drive"))
    notes = [_state(visit)] if visit.status != "CONFIRMED" else []
    if (
        visit.balance_cents
        and not visit.is_partners
        and visit.status in ("CONFIRMED", "IN_PROGRESS")
    ):
        notes.append(f"{show(visit.balance_cents)} to collect")
    found.append(
        Line(
            "visit",
            _span(visit.starts_at, visit.ends_at, zone),
            visit.customer or STATES[visit.state].capitalize(),
            second=", ".join(part for part in (visit.service, visit.place) if part),
            tone=_tone(visit),
            note=", ".join(notes),
            booking_id=visit.booking_id,
        )
    )
    return found


def _span(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> str:
    return f"{clock(starts_at, zone=zone)}–{clock(ends_at, zone=zone)}"
