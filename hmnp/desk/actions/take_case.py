"""Somebody sees to it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from hmnp.accounts.audit import record_change
from hmnp.core import transactions
from hmnp.desk.actions.close_case import CaseAlreadyClosed
from hmnp.desk.actions.record_deed import record_deed
from hmnp.desk.case_models import Deed
from hmnp.desk.models import Case


def take_case(*, case_id: int, user: AbstractBaseUser, now: datetime) -> None:
    """Put an open case into `user`'s hands, whoever had it. Raises `CaseAlreadyClosed`."""

    def work() -> None:
        taken = Case.objects.filter(pk=case_id, closed_at__isnull=True).update(
            taken_by=user, taken_at=now
        )
        if taken != 1:
            raise CaseAlreadyClosed
        record_change(instance=Case.objects.get(pk=case_id), changes={"taken_by": ("", user.pk)})
        record_deed(case_id=case_id, deed=Deed.TAKEN, user=user, now=now)

    transactions.run(work)
