"""Twilio's refusals: `{code, message, more_info, status}`."""

from __future__ import annotations

from sandbox.wire import Json, Response, as_json


class Refused(Exception):
    """Twilio says no, with its own error code."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    def answer(self) -> Response:
        """Give the error as Twilio writes it."""
        body: Json = {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return as_json(body, status=self.status)


def not_found(path: str) -> Refused:
    """Give the refusal of a path or message that is not there."""
    return Refused(20404, f"The requested resource {path} was not found", status=404)
