"""A day drawn and told, as markup.

Two hundred notaries' two days are some thousands of small pieces: drawn here in one go, as a
template asks for language, escaping and each value's form anew at every one of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from django import template
from django.urls import reverse
from django.utils.dateformat import format as format_date
from django.utils.html import conditional_escape as escape
from django.utils.safestring import SafeString

from hmnp.desk.axis import Drawing, Lane, Line, Piece
from hmnp.desk.templatetags.desk import lane_y, short

register = template.Library()

# Asked of the router once a drawing, with this in the id's place.
_ANY = "00000000-0000-0000-0000-000000000000"


@register.simple_tag
def drawn_lanes(drawing: Drawing, slug: str, by_day: bool) -> SafeString:
    """Draw the lanes of a board, from top to bottom."""
    booking_url, week_url = _addresses()
    parts: list[str] = []
    for number, lane in enumerate(drawing.lanes):
        y = lane_y(number)
        parts.append(f'<line class="rule" x1="0" x2="1000" y1="{y}" y2="{y}"/>')
        parts += (_shut(one, y) for one in lane.pieces if one.kind == "shut")
        parts.append(_head(lane, y, week_url, by_day=by_day))
        parts += (_piece(one, y, slug, booking_url) for one in lane.pieces if one.kind != "shut")
    # Ours throughout; every word that is not was escaped where it was put in.
    return SafeString("\n".join(parts))


@register.simple_tag
def told_lanes(drawing: Drawing, by_day: bool, only_busy: bool) -> SafeString:
    """Tell the lanes of a board in words, one after the other."""
    booking_url, week_url = _addresses()
    return SafeString(
        "\n".join(
            _told(lane, booking_url, week_url, by_day=by_day)
            for lane in drawing.lanes
            if lane.lines or not only_busy
        )
    )


def _addresses() -> tuple[str, str]:
    return reverse("admin:bookings_booking_change", args=[_ANY]), reverse("admin-week")


def _week_of(lane: Lane, week_url: str) -> str:
    return f"{week_url}?notary={lane.day.notary_id}&amp;week={lane.day.day.isoformat()}"


def _name(lane: Lane, *, by_day: bool, form: str) -> str:
    return format_date(lane.day.day, form) if by_day else str(escape(lane.day.name))


def _jobs(lane: Lane) -> str:
    return f"{lane.count} job{'' if lane.count == 1 else 's'}"


def _head(lane: Lane, y: int, week_url: str, *, by_day: bool) -> str:
    name = _name(lane, by_day=by_day, form="D j M")
    if lane.day.day_off:
        more = str(escape(lane.day.day_off))
    elif not lane.count:
        more = "nothing booked"
    else:
        more = _jobs(lane) + (f", {short(lane.driving)}" if lane.driving else "")
    return (
        f'<a href="{_week_of(lane, week_url)}" aria-label="{name}, the week">'
        f'<svg x="0" y="{y}" width="122" height="56"><text class="who" x="4" y="25">{name}</text>'
        f'<text class="more" x="4" y="42">{more}</text></svg></a>'
    )


def _shut(one: Piece, y: int) -> str:
    return f'<rect class="shut" x="{one.x}" y="{y + 1}" width="{one.width}" height="54"/>'


def _piece(one: Piece, y: int, slug: str, booking_url: str) -> str:
    title = f"<title>{escape(one.title)}</title>"
    place = f'x="{one.x}" width="{one.width}"'
    if one.kind == "busy":
        fill = f'fill="url(#busy-{slug})"'
        return f'<rect class="busy" {fill} {place} y="{y + 6}" height="44">{title}</rect>'
    if one.kind != "visit":
        return f'<rect class="{one.kind}" {place} y="{y + 22}" height="12">{title}</rect>'
    drawn = (
        f'{title}<rect class="visit {one.tone}" {place} y="{y + 6}" height="44" rx="4"/>'
        f'<svg {place} y="{y + 6}" height="44">'
        f'<text class="name {one.tone}" x="7" y="19">{escape(one.text)}</text>'
        f'<text class="time {one.tone}" x="7" y="35">{escape(one.second)}</text></svg>'
    )
    if not one.booking_id:
        return drawn
    address = booking_url.replace(_ANY, str(one.booking_id))
    return f'<a href="{address}" aria-label="{escape(one.title)}">{drawn}</a>'


def _told(lane: Lane, booking_url: str, week_url: str, *, by_day: bool) -> str:
    name = _name(lane, by_day=by_day, form="l j F")
    if not by_day:
        name = f'<a href="{_week_of(lane, week_url)}">{name}</a>'
    if lane.day.day_off:
        more = str(escape(lane.day.day_off))
    else:
        more = _jobs(lane) + (f", {lane.driving} of driving" if lane.driving else "")
    lines = "\n".join(_lines(lane.lines, booking_url))
    return (
        f'<section class="agenda"><h3>{name} <span class="small">{more}</span></h3>\n'
        f"<ol>{lines}</ol></section>"
    )


def _lines(lines: list[Line], booking_url: str) -> Iterator[str]:
    if not lines:
        yield '<li class="gap"><span class="what">Nothing booked</span></li>'
    for line in lines:
        what = str(escape(line.text))
        if line.booking_id:
            what = f'<a href="{booking_url.replace(_ANY, str(line.booking_id))}">{what}</a>'
        yield "".join(
            (
                f'<li class="{line.kind} {line.tone}">',
                f'<span class="at">{escape(line.when)}</span>' if line.when else "",
                f'<span class="what">{what}',
                f'<span class="second">{escape(line.second)}</span>' if line.second else "",
                f'<span class="note-line">{escape(line.note)}</span>' if line.note else "",
                "</span></li>",
            )
        )
