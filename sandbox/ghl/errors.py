"""How GoHighLevel says no."""

from __future__ import annotations

from sandbox.wire import Json

_NAMES = {401: "Unauthorized", 403: "Forbidden", 422: "Unprocessable Entity"}


class Refused(Exception):
    """GoHighLevel refuses a call: `message` is one text, or several for a bad body."""

    def __init__(self, message: str | list[str], *, status: int = 400, **more: object) -> None:
        super().__init__(str(message))
        self.status = status
        self.body: Json = {"statusCode": status, "message": message, **more}
        if status in _NAMES:
            self.body["error"] = _NAMES[status]


def missing(what: str, name: str) -> Refused:
    """Return the refusal of an id that nothing has."""
    return Refused(f"{what} with id {name} not found", status=400 if what == "Contact" else 404)
