"""How Proof says no: a status and a list of sentences under `errors`."""

from __future__ import annotations

from sandbox.wire import Json


class Refused(Exception):
    """Proof refuses the call."""

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status

    @property
    def body(self) -> Json:
        """The error as Proof writes it."""
        return {"errors": [str(self)]}


def unknown_transaction() -> Refused:
    """Return the refusal for a transaction that is not there, or is deleted."""
    return Refused("Transaction Not Found", status=404)
