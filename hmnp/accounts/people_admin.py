"""Staff accounts and their roles: made, changed and switched off, never deleted.

The audit log's rows point at the accounts that did something, and cannot be changed.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from hmnp.accounts.history import WithHistory

admin.site.unregister(User)
admin.site.unregister(Group)


class KeptForGood(WithHistory):
    """Mixin: rows that the audit log speaks of."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes: an account is switched off by `is_active`, a role emptied."""
        return False


@admin.register(User)
class StaffAdmin(KeptForGood, UserAdmin[User], ModelAdmin[User]):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_superuser")


@admin.register(Group)
class RoleAdmin(KeptForGood, GroupAdmin, ModelAdmin[Group]):
    pass
