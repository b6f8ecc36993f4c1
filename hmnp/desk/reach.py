"""Whose days and bookings a member of staff sees: everybody's, or, a notary, only their own."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from bookings.models import Booking

ALL = "bookings.view_booking"


@dataclass(frozen=True)
class Reach:
    """`notary_ids` is None for who sees everybody's."""

    notary_ids: list[int] | None

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
    """Tell how far a member of staff sees; who neither leads the desk nor is a notary, nothing.

    Raises `PermissionDenied`.
    """
    if user.has_perm(ALL):  # type: ignore[union-attr]  # every user of ours has permissions
        return Reach(None)
    raise PermissionDenied
