"""The one way a connector says that it could not do a job."""

from __future__ import annotations

from datetime import timedelta


class ConnectorError(Exception):
    """An outside system did not do what was asked; `reason` has no personal data in it.

    `permanent`: trying again cannot help. `is_outcome_unknown`: it may have been done all the
    same, so whoever tries again must look first. `retry_after`: how long the system asks us to
    wait. `are_credentials_refused`: nothing of this destination will work until a person has put
    its key right. `status`: the HTTP status of a refusal, for those who know what it means.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        is_outcome_unknown: bool = False,
        retry_after: timedelta | None = None,
        are_credentials_refused: bool = False,
        status: int | None = None,
    ) -> None:
        self.reason = reason
        self.permanent = permanent
        self.is_outcome_unknown = is_outcome_unknown
        self.retry_after = retry_after
        self.are_credentials_refused = are_credentials_refused
        self.status = status
        super().__init__(reason)


class Postponed(Exception):
    """Nothing is wrong, it is only not yet time: the job comes back after `delay`, free of charge.

    The rate budget is spent, or the other side is still at work; `reason` says which.
    """

    def __init__(self, reason: str, *, delay: timedelta) -> None:
        self.reason = reason
        self.delay = delay
        super().__init__(reason)


class NoLongerWanted(Exception):
    """Judged again at the moment of doing it, the effect is no longer wanted; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
