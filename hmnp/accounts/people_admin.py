"""Staff accounts and their roles: made, changed and switched off, never deleted.

The audit log's rows point at the accounts that did something, and cannot be changed. What a role
may do is written in the code (`hmnp/desk/roles.py`); here people are given one.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from hmnp.accounts import demo_staff
from hmnp.accounts.history import WithHistory
from hmnp.accounts.reset_factor import reset_factor
from hmnp.accounts.second_factor import FACTORS

admin.site.unregister(User)
admin.site.unregister(Group)
# Second factors are everybody's own; nothing of allauth's is edited here.
admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)

_ROLES_HELP = (
    "What each may do is fixed: see docs/operations.md. A notary is linked to this account on the "
    "notary's own page."
)


class KeptForGood(WithHistory):
    """Mixin: rows that the audit log speaks of."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes: an account is switched off by `is_active`, a role emptied."""
        return False


def _refuse_demo_names(username: str) -> None:
    if username.lower() in demo_staff.NAMES:
        raise ValidationError("This name is kept for the demonstration; choose another.")


class NewStaffForm(UserCreationForm):
    """A name and a first password, to be changed by whoever gets it."""

    def clean_username(self) -> str | None:
        """Refuse the demonstration's names. Raises ValidationError; a taken name gives None."""
        _refuse_demo_names(self.cleaned_data["username"])
        username: str | None = super().clean_username()
        return username


class StaffForm(UserChangeForm):
    def clean_username(self) -> str:
        """Refuse the demonstration's names. Raises ValidationError."""
        username: str = self.cleaned_data["username"]
        if username != self.instance.username:
            _refuse_demo_names(username)
        return username


@admin.register(User)
class StaffAdmin(KeptForGood, UserAdmin[User], ModelAdmin[User]):
    form = StaffForm
    add_form = NewStaffForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "roles", "second_step", "last_login", "is_active")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    readonly_fields = ("second_step", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Roles", {"fields": ("groups",), "description": _ROLES_HELP}),
        ("Signing in", {"fields": ("second_step", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Roles", {"fields": ("groups",), "description": _ROLES_HELP}),
    )
    change_form_template = "accounts/person.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Say of each whether a second factor is set up."""
        factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)
        people: QuerySet[User] = super().get_queryset(request)
        return people.prefetch_related("groups").annotate(has_factor=Exists(factors))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the roles as ticks."""
        if db_field.name == "groups":
            return forms.ModelMultipleChoiceField(
                Group.objects.order_by("name"),
                widget=forms.CheckboxSelectMultiple,
                required=False,
                label="Roles",
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser is changed by superusers only: whoever sets a password has the account."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        allowed: bool = super().has_change_permission(request, obj)
        return allowed

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Make every account that is made here one of staff."""
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        """Add where a second factor is reset."""
        view = self.admin_site.admin_view(self.reset_view)
        own = path("<int:user_id>/second-step/", view, name="auth_user_second_step")
        return [own, *super().get_urls()]

    def reset_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Ask, and take the second factors away."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        person = self.get_queryset(request).filter(pk=user_id).first()
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if request.method == "POST":
            if reset_factor(user=person):
                messages.success(
                    request, f"{person} sets up a new second step at the next sign-in."
                )
            else:
                messages.warning(request, f"{person} had no second step; nothing was changed.")
            return redirect("admin:auth_user_change", user_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Second step of {person}",
            "person": person,
            "opts": self.model._meta,
        }
        return render(request, "accounts/reset_factor.html", context)

    @admin.display(description="Name")
    def full_name(self, user: User) -> str:
        """Give what people call them."""
        return user.get_full_name() or "–"

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        """List the roles."""
        names = sorted(group.name for group in user.groups.all())
        return ", ".join(["superuser"] * user.is_superuser + names) or "none"

    @admin.display(description="Second step", boolean=True)
    def second_step(self, user: User) -> bool:
        """Tell whether one is set up."""
        return bool(getattr(user, "has_factor", False))


@admin.register(Group)
class RoleAdmin(KeptForGood, GroupAdmin, ModelAdmin[Group]):
    """Roles are read here; they are changed in the code, and tested."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False
