"""A person has decided."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from hmnp.accounts.audit import record_change
from hmnp.core import transactions
from hmnp.core.errors import DomainError, Fault, ValidationFailed
from hmnp.desk.actions.record_deed import record_deed
from hmnp.desk.case_models import Deed
from hmnp.desk.models import Case


class CaseAlreadyClosed(DomainError):
    code = "CASE_CLOSED"
    status = 409
    message = "Somebody has closed this case already."


def close_case(*, case_id: int, how: str, user: AbstractBaseUser, now: datetime) -> Case:
    """Close an open case, saying how it was decided.

    Raises `ValidationFailed` without a word, `CaseAlreadyClosed`.
    """
    if not how.strip():
        raise ValidationFailed(Fault("how", "required", "Say how it was decided."))

    def work() -> Case:
        closed = Case.objects.filter(pk=case_id, closed_at__isnull=True).update(
            closed_at=now, closed_by=user, closed_how=how.strip()
        )
        if closed != 1:
            raise CaseAlreadyClosed
        case = Case.objects.get(pk=case_id)
        record_change(instance=case, changes={"closed_by": ("", user.pk)})
        record_deed(case_id=case_id, deed=Deed.CLOSED, user=user, now=now, words=how.strip())
        return case

    return transactions.run(work)
