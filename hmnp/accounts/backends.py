"""Who can have a session at all: staff, and nobody whose password everybody knows."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User

from hmnp.accounts import demo_staff


class StaffBackend(ModelBackend):
    """Passwords and sessions of active staff; asked again at each request."""

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        """Refuse who is inactive, no staff, or of the demo where things are real."""
        return (
            user is not None
            and super().user_can_authenticate(user)
            and bool(getattr(user, "is_staff", False))
            and not demo_staff.is_refused(user.get_username())
        )
