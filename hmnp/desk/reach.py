"""Whose days and bookings a member of staff sees: everybody's, or, a notary, only their own."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import QuerySet

from bookings.models import Booking, Notary

SEE_ALL = "bookings.view_booking"
CHANGE_ALL = "bookings.change_booking"


@dataclass(frozen=True)
class Reach:
    """`notary_ids` is None for who sees everybody's; who is no notary either has an empty list."""

    notary_ids: list[int] | None
    may_change: bool = False

    @property
    def is_all(self) -> bool:
        """They see everybody's."""
        return self.notary_ids is None

    def bookings(self) -> QuerySet[Booking]:
        """Give the bookings within reach."""
        if self.notary_ids is None:
            return Booking.objects.all()
        return Booking.objects.filter(notary__in=self.notary_ids)


def reach_of(user: AbstractBaseUser | AnonymousUser) -> Reach:
    """Tell how far a member of staff sees, and whether they may change all that they see."""
    if not isinstance(user, User):
        return Reach([])
    if user.has_perm(SEE_ALL):
        return Reach(None, may_change=user.has_perm(CHANGE_ALL))
    return Reach(list(Notary.objects.filter(user_id=user.pk).values_list("pk", flat=True)))
