"""The reading side for people and tests: what was mailed, newest first."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import quote

from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_html, as_json

_MAIL_POLICY = (
    "sandbox allow-popups allow-top-navigation; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:"
)


def summary(mail: Json) -> Json:
    """Return a mail without its attachments' bytes."""
    return {
        **mail,
        "at_iso": datetime.fromtimestamp(mail["at"], UTC).isoformat(),
        "attachments": [
            {
                "name": item["name"],
                "content_type": item["content_type"],
                "size": len(base64.b64decode(item["content"])),
                "url": f"/_sandbox/mails/{mail['id']}/attachments/{index}",
            }
            for index, item in enumerate(mail["attachments"])
        ],
    }


def routes(*, store: Store) -> tuple[Route, ...]:
    """Return the reading routes."""

    def find(request: Request) -> Json | None:
        return store.get(kind="mail", key=request.refs["id"])

    def listing(request: Request) -> Response:
        wish = request.query_values()
        mails = store.select(kind="mail", tail="ORDER BY seq DESC")
        if to := wish.get("to", "").lower():
            mails = [m for m in mails if to in [a.lower() for a in m["to"] + m["cc"] + m["bcc"]]]
        if since := wish.get("since"):
            try:
                moment = _moment(since)
            except ValueError:
                return as_json({"error": "since is a Unix time or ISO 8601"}, status=400)
            mails = [m for m in mails if m["at"] >= moment]
        if subject := wish.get("subject", "").lower():
            mails = [m for m in mails if subject in m["subject"].lower()]
        if booking := wish.get("booking_id"):
            mails = [m for m in mails if m["metadata"].get("booking_id") == booking]
        return as_json({"data": [summary(mail) for mail in mails]})

    def one(request: Request) -> Response:
        mail = find(request)
        if mail is None:
            return as_json({"error": "no such mail"}, status=404)
        accept = request.header("accept")
        if "application/json" in accept:
            return as_json(summary(mail))
        if mail["html"] and request.query_values().get("as") != "text":
            # The mail is shown as its reader's program would: nothing in it runs or loads.
            return as_html(mail["html"], headers={"Content-Security-Policy": _MAIL_POLICY})
        return Response(
            body=mail["text"].encode(), headers={"Content-Type": "text/plain; charset=utf-8"}
        )

    def attachment(request: Request) -> Response:
        mail = find(request)
        given = request.refs["index"]
        index = int(given) if given.isdigit() else -1
        if mail is None or not 0 <= index < len(mail["attachments"]):
            return as_json({"error": "no such attachment"}, status=404)
        item = mail["attachments"][index]
        return Response(
            body=base64.b64decode(item["content"]),
            headers={
                "Content-Type": item["content_type"],
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(item['name'])}",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def mark_inactive(request: Request) -> Response:
        """Refuse an address from now on, as after a hard bounce."""
        try:
            address = str(request.json()["address"]).lower()
        except (MalformedBody, KeyError, TypeError):
            return as_json({"error": 'send {"address": "…"}'}, status=400)
        inactive = sorted({*store.knob("mail.inactive", []), address})
        store.set_knob("mail.inactive", inactive)
        return as_json({"inactive": inactive})

    return (
        Route(method="GET", pattern="/_sandbox/mails", handler=listing),
        Route(method="POST", pattern="/_sandbox/mails/inactive", handler=mark_inactive),
        Route(method="GET", pattern="/_sandbox/mails/{id}", handler=one),
        Route(
            method="GET",
            pattern="/_sandbox/mails/{id}/attachments/{index}",
            handler=attachment,
        ),
    )


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
