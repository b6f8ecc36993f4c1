"""Make a repair that was suggested, once, and keep that it was made."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from hmnp.accounts.audit import record_change
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.desk.actions.close_case import CaseAlreadyClosed
from hmnp.desk.actions.record_deed import record_deed
from hmnp.desk.case_models import Deed
from hmnp.desk.models import Case
from hmnp.desk.repairs import Repair


def repair_case(
    *, case: Case, repair: Repair, words: str, user: AbstractBaseUser, actor: Actor, now: datetime
) -> str:
    """Do what the repair does, and say what that was.

    What is done has its own transaction and counts once by itself, so that a crash before the
    note, or two who press at once, do it once. Raises `CaseAlreadyClosed` and the refusals of
    what is done.
    """
    if not Case.objects.filter(pk=case.pk, closed_at__isnull=True).exists():
        raise CaseAlreadyClosed
    done = repair.work(case, words, actor, now)

    def note() -> None:
        record_deed(case_id=case.pk, deed=Deed.REPAIRED, user=user, now=now, words=done)
        still_open = Case.objects.filter(pk=case.pk, closed_at__isnull=True)
        if repair.closes and still_open.update(closed_at=now, closed_by=user, closed_how=done):
            record_change(instance=case, changes={"closed_by": ("", user.pk)})

    transactions.run(note)
    return done
