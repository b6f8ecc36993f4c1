"""Postmark's log of accepted mail: `/postmark/messages/outbound`, searched as its clients do."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.config import Config
from sandbox.postmark.api import Refused, check_token
from sandbox.store import Store
from sandbox.wire import Json, Request, Response, Route, as_json

MAX_COUNT = 500
_METADATA = "metadata_"


def routes(*, store: Store, config: Config) -> tuple[Route, ...]:
    """Return the searching route."""

    def guarded(request: Request) -> Response:
        try:
            check_token(config, request)
            if request.fail_with == "error_429":
                raise Refused(429, "Too many requests. Please slow down.", status=429)
            if request.fail_with.startswith("error_500"):
                raise Refused(500, "Internal Server Error", status=500)
            request.begin()
            return as_json(_search(store, request.query_values()))
        except Refused as error:
            return as_json(error.body, status=error.status)

    return (
        Route(method="GET", pattern="/postmark/messages/outbound", handler=guarded, is_api=True),
    )


def _search(store: Store, wish: dict[str, str]) -> Json:
    count, offset = (_number(wish, name) for name in ("count", "offset"))
    if count > MAX_COUNT:
        raise Refused(700, f"The 'count' parameter is at most {MAX_COUNT}.")
    mails = store.select(kind="mail", tail="ORDER BY seq DESC")
    for name, value in wish.items():
        if name.startswith(_METADATA):
            key = name.removeprefix(_METADATA)
            mails = [mail for mail in mails if mail["metadata"].get(key) == value]
        elif name == "recipient":
            mails = [mail for mail in mails if value.lower() in [a.lower() for a in mail["to"]]]
        elif name == "tag":
            mails = [mail for mail in mails if mail["tag"] == value]
    return {
        "TotalCount": len(mails),
        "Messages": [_row(mail) for mail in mails[offset : offset + count]],
    }


def _number(wish: dict[str, str], name: str) -> int:
    """Read a number that Postmark demands."""
    text = wish.get(name, "")
    if not text.isdigit():
        raise Refused(700, f"The '{name}' parameter is required and must be a number.")
    return int(text)


def _row(mail: Json) -> Json:
    return {
        "Tag": mail["tag"],
        "MessageID": mail["id"],
        "To": [{"Email": address, "Name": None} for address in mail["to"]],
        "Recipients": mail["to"] + mail["cc"] + mail["bcc"],
        "ReceivedAt": datetime.fromtimestamp(mail["at"], UTC).isoformat(),
        "From": mail["from"],
        "Subject": mail["subject"],
        "Status": "Sent",
        "Metadata": mail["metadata"],
        "MessageStream": mail["stream"],
    }
