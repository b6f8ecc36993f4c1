"""The page at `/`: what each outside system holds, per booking, and what else is going on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from string import Template

from sandbox.faults import ACTIONS, list_faults
from sandbox.store import Store
from sandbox.systems import Holding, Panel, System
from sandbox.wire import Handler, Request, Response, as_html

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox ledger</title>
<style>
:root { color-scheme: light dark; --paper: #fbfaf6; --card: #fff; --ink: #16242e; --muted: #4b5b66;
  --line: #dad7ce; --main: #0e5563; --good: #1f6b3b; --bad: #a12d1f; --seal: #8a5a0b; }
@media (prefers-color-scheme: dark) { :root { --paper: #10191f; --card: #18242b; --ink: #e8eef0;
  --muted: #a9b8bf; --line: #2a3942; --main: #6fc3d0; --good: #7ccb97; --bad: #f08a78;
  --seal: #e3b35a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 1200px; margin: 0 auto; padding: 16px; }
h1 { margin: 0; font: 600 28px/1.25 "Iowan Old Style", "Palatino Linotype", Georgia, serif; }
h2 { margin: 32px 0 8px; font-size: 22px; }
h3 { margin: 0; padding: 12px 12px 4px; font-size: 18px; color: var(--seal);
  overflow-wrap: anywhere; }
p { margin: 4px 0 12px; max-width: 65ch; color: var(--muted); }
a { color: var(--main); }
a:focus-visible, .scroll:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0 0; padding: 0;
  list-style: none; }
.scroll { overflow-x: auto; margin-bottom: 16px; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; }
table { width: 100%; border-collapse: collapse; font-size: 15px; }
th, td { padding: 8px 12px; text-align: left; vertical-align: top;
  border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--muted); font-weight: 600; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
td.tight { white-space: nowrap; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
@media (max-width: 760px) { table { min-width: 760px; } }
</style>
</head>
<body>
<header>
<h1>Sandbox ledger</h1>
<p>What the outside world holds, as of $now UTC. Nothing here is real: no card is charged, no mail
leaves this machine. Dump: <a href="/_sandbox/ledger">JSON</a>.</p>
<nav aria-label="Sections"><ul>$links</ul></nav>
</header>
<main>$sections</main>
</body>
</html>
""")
_GOOD = {"succeeded", "sent", "delivered"}
_BAD = {"failed", "canceled", "dropped", "disputed", "undelivered"}


def handler(*, store: Store, systems: Sequence[System]) -> Handler:
    """Return what answers `/`."""

    def show(_request: Request) -> Response:
        with store.transaction():
            holdings = [holding for system in systems for holding in system.holdings()]
            panels = [*(p for system in systems for p in system.panels()), _faults(store)]
            now = store.now()
        sections = [("bookings", "Per booking", _bookings(holdings))]
        sections += [
            (f"panel-{number}", panel.title, _panel(panel)) for number, panel in enumerate(panels)
        ]
        links = "".join(
            f'<li><a href="#{anchor}">{escape(title)}</a></li>' for anchor, title, _ in sections
        )
        body = "".join(
            f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(title)}</h2>{html}'
            "</section>"
            for anchor, title, html in sections
        )
        return as_html(
            _PAGE.substitute(now=_time(now), links=links, sections=body),
            headers={
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
                "frame-ancestors 'none'",
                "Cache-Control": "no-store",
            },
        )

    return show


def _bookings(holdings: Iterable[Holding]) -> str:
    groups: dict[str, list[Holding]] = {}
    newest_first = sorted(holdings, key=lambda each: each.at, reverse=True)
    # A text message knows the reference only.
    bookings = {
        each.reference: each.booking_id
        for each in newest_first
        if each.booking_id and each.reference
    }
    for holding in newest_first:
        booking = holding.booking_id or bookings.get(holding.reference, holding.reference)
        groups.setdefault(booking or holding.payment_id, []).append(holding)
    if not groups:
        return "<p>No outside system holds anything yet.</p>"
    columns = ("System", "Status", "Amount", "What", "More", "When (UTC)")
    parts = []
    for group in groups.values():
        title = escape(_title(group))
        rows = "".join(_row(holding) for holding in group)
        head = f"<h3>{title}</h3>"
        parts.append(_table(columns, rows, label=title, head=head))
    return "".join(parts)


def _title(group: list[Holding]) -> str:
    """Name a group: any of its rows may know the booking's reference."""
    reference = next((holding.reference for holding in group if holding.reference), "")
    booking = next((holding.booking_id for holding in group if holding.booking_id), "")
    payment = next((holding.payment_id for holding in group if holding.payment_id), "")
    if reference or booking:
        return " · ".join(
            part for part in (reference, f"booking {booking}" * bool(booking)) if part
        )
    return f"Payment {payment}, no booking yet" if payment else "Without a booking"


def _row(holding: Holding) -> str:
    what = escape(holding.what)
    if holding.link:
        what = f'<a href="{escape(holding.link)}">{what}</a>'
    return (
        f"<tr><td>{escape(holding.system)}</td>{_status(holding.status)}"
        f'<td class="tight">{escape(holding.amount)}</td><td>{what}</td>'
        f'<td>{escape(holding.detail)}</td><td class="tight">{_time(holding.at)}</td></tr>'
    )


def _panel(panel: Panel) -> str:
    if not panel.rows:
        return f"<p>{escape(panel.empty)}</p>"
    rows = []
    for number, row in enumerate(panel.rows):
        link = panel.links[number] if panel.links else ""
        cells = [
            _cell(column, text, link if column == panel.columns[0] else "")
            for column, text in zip(panel.columns, row, strict=True)
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _table(panel.columns, "".join(rows), label=panel.title)


def _cell(column: str, text: str, link: str) -> str:
    if column == "State":
        return _status(text)
    if link:
        return f'<td><a href="{escape(link)}">{escape(text)}</a></td>'
    return f"<td>{escape(text)}</td>"


def _status(text: str) -> str:
    kind = "good" if text in _GOOD else "bad" if text in _BAD else ""
    return f'<td class="tight {kind}">{escape(text)}</td>'


def _table(columns: Sequence[str], rows: str, *, label: str, head: str = "") -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    # A table that scrolls sideways must be reachable by keyboard.
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">{head}'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _faults(store: Store) -> Panel:
    return Panel(
        title="Active faults",
        columns=("No.", "Hits", "What happens", "Times left", "Applied"),
        rows=[
            (
                str(fault["id"]),
                ", ".join(f"{key} {value}" for key, value in fault["match"].items()) or "all calls",
                f"{fault['action']}: {ACTIONS[fault['action']]}".replace(
                    "`ms`", f"{fault['ms']} ms"
                ),
                "until deleted" if fault["times"] < 0 else str(fault["times"]),
                str(fault["hits"]),
            )
            for fault in list_faults(store=store)
        ],
        empty="None: every call is answered as the real system would.",
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M:%S")
