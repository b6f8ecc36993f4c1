"""The one way a connector says that it could not do a job."""

from __future__ import annotations


class ConnectorError(Exception):
    """An outside system did not do what was asked; `reason` has no personal data in it.

    `permanent`: trying again cannot help. `is_outcome_unknown`: it may have been done all the
    same, so whoever tries again must look first.
    """

    def __init__(
        self, reason: str, *, permanent: bool = False, is_outcome_unknown: bool = False
    ) -> None:
        self.reason = reason
        self.permanent = permanent
        self.is_outcome_unknown = is_outcome_unknown
        super().__init__(reason)


class NoLongerWanted(Exception):
    """Judged again at the moment of doing it, the effect is no longer wanted; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
