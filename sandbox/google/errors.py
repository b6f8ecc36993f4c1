"""How Google refuses: the JSON of its APIs and of its token endpoint."""

from __future__ import annotations

from sandbox.wire import Json, Response, as_json


class Refused(Exception):
    """Google's Calendar API says no."""

    def __init__(
        self, status: int, reason: str, message: str, *, domain: str = "global", **extra: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.item: Json = {"domain": domain, "reason": reason, "message": message, **extra}

    @property
    def answer(self) -> Response:
        """The refusal as Google writes it."""
        body = {
            "error": {
                "errors": [self.item],
                "code": self.status,
                "message": self.item["message"],
            }
        }
        headers = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'}
        return as_json(body, status=self.status, headers=headers if self.status == 401 else None)


class GrantRefused(Exception):
    """Google's token endpoint says no."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status

    @property
    def answer(self) -> Response:
        """The refusal as OAuth writes it."""
        body = {"error": self.error, "error_description": str(self)}
        return as_json(body, status=self.status)


def not_found() -> Refused:
    """What does not exist and what is not shared look alike."""
    return Refused(404, "notFound", "Not Found")


def invalid(message: str, **extra: str) -> Refused:
    """The request makes no sense."""
    return Refused(400, "invalid", message, **extra)


def deleted() -> Refused:
    """It was there, and was deleted."""
    return Refused(410, "deleted", "Resource has been deleted")
