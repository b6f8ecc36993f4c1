"""What a person did about a case, kept beside it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from hmnp.desk.case_models import CaseDeed, Deed


def record_deed(
    *, case_id: int, deed: Deed, user: AbstractBaseUser, now: datetime, words: str = ""
) -> None:
    """Add to a case's history, in the caller's transaction."""
    CaseDeed.objects.create(
        case_id=case_id,
        deed=deed.value,
        words=words[:300],
        user_id=user.pk,
        at=now,
    )
