"""Somebody who saw to it does so no longer."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from hmnp.accounts.audit import record_change
from hmnp.core import transactions
from hmnp.core.errors import DomainError
from hmnp.desk.actions.record_deed import record_deed
from hmnp.desk.case_models import Deed
from hmnp.desk.models import Case


class CaseNotYours(DomainError):
    code = "CASE_NOT_YOURS"
    status = 409
    message = "This case is not in your hands."


def give_case_back(*, case_id: int, user: AbstractBaseUser, now: datetime) -> None:
    """Take an open case out of `user`'s hands. Raises `CaseNotYours`."""

    def work() -> None:
        given = Case.objects.filter(pk=case_id, closed_at__isnull=True, taken_by_id=user.pk).update(
            taken_by=None, taken_at=None
        )
        if given != 1:
            raise CaseNotYours
        record_change(instance=Case.objects.get(pk=case_id), changes={"taken_by": (user.pk, "")})
        record_deed(case_id=case_id, deed=Deed.GIVEN_BACK, user=user, now=now)

    transactions.run(work)
