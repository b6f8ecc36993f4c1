"""Who can have a session at all: staff, and nobody whose password everybody knows."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q

from hmnp.accounts import demo_staff


class StaffBackend(ModelBackend):
    """Passwords and sessions of active staff; asked again at each request.

    Every page of the desk asks who it is, by what they were let in, and what they may: one
    statement for the first two, one for the third.
    """

    def get_user(self, user_id: int) -> User | None:
        """Give a session's user with the ids of all they have to sign in by, `factor_ids`."""
        factors = Authenticator.objects.filter(user_id=OuterRef("pk")).order_by().values("pk")
        user = User.objects.annotate(factor_ids=ArraySubquery(factors)).filter(pk=user_id).first()
        return user if self.user_can_authenticate(user) else None

    def get_all_permissions(
        self, user_obj: AbstractBaseUser | AnonymousUser, obj: Any = None
    ) -> set[str]:
        """Give what the user may, by themselves or by their groups, as `app.codename`."""
        if not isinstance(user_obj, User) or not user_obj.is_active or obj is not None:
            return set()
        known: set[str] | None = getattr(user_obj, "_perm_cache", None)
        if known is None:
            known = user_obj._perm_cache = _permissions_of(user_obj)  # type: ignore[attr-defined]  # as Django calls it
        return known

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        """Refuse who is inactive, no staff, or of the demo where things are real."""
        return (
            user is not None
            and super().user_can_authenticate(user)
            and bool(getattr(user, "is_staff", False))
            and not demo_staff.is_refused(user.get_username())
        )


def _permissions_of(user: User) -> set[str]:
    granted = Permission.objects.order_by()
    if not user.is_superuser:
        own = User.user_permissions.through.objects.filter(user_id=user.pk)
        by_group = Group.permissions.through.objects.filter(group__user=user.pk)
        granted = granted.filter(
            Q(pk__in=own.values("permission_id")) | Q(pk__in=by_group.values("permission_id"))
        )
    pairs = granted.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in pairs}
