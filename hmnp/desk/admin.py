"""The cases that wait, oldest first; taken and closed by actions, never edited or deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from bookings.admin import ReadOnlyMixin
from hmnp.core.errors import DomainError
from hmnp.desk.actions.close_case import close_case
from hmnp.desk.actions.take_case import take_case
from hmnp.desk.models import Case


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the closed ones; the open ones are what one comes for."""
        return [("closed", "Closed"), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """Show what waits unless asked for more."""
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() != "closed")


class CloseForm(ActionForm):
    how = forms.CharField(required=False, label="How it was decided")


@admin.register(Case)
class CaseAdmin(ReadOnlyMixin, admin.ModelAdmin[Case]):
    list_display = ["opened_at", "kind", "subject", "summary", "repair", "taken_by", "closed_how"]
    list_filter = [OpenFilter, "kind"]
    list_select_related = ["taken_by"]
    search_fields = ["subject", "summary", "key"]
    ordering = ["opened_at"]
    actions = ["take", "close"]
    action_form = CloseForm

    @admin.action(description="I see to it")
    def take(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        """Take each."""
        for case in queryset:
            try:
                take_case(case_id=case.pk, user=request.user, now=timezone.now())  # type: ignore[arg-type]  # the admin lets only users in
            except DomainError as error:
                self.message_user(request, f"{case}: {error.message}", messages.ERROR)

    @admin.action(description="Close (say how)")
    def close(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        """Close each with the words given."""
        how = request.POST.get("how", "")
        for case in queryset:
            try:
                close_case(case_id=case.pk, how=how, user=request.user, now=timezone.now())  # type: ignore[arg-type]  # the admin lets only users in
            except DomainError as error:
                self.message_user(request, f"{case}: {error.message}", messages.ERROR)
