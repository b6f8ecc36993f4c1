"""The cases that wait, oldest first; taken and closed by actions, never edited or deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.forms import ActionForm

from bookings.admin import ReadOnlyMixin
from bookings.models import Booking
from hmnp.core.cases import CaseKind
from hmnp.core.errors import DomainError
from hmnp.core.money import show
from hmnp.core.pages import clock
from hmnp.desk import wording
from hmnp.desk.actions.close_case import close_case
from hmnp.desk.actions.take_case import take_case
from hmnp.desk.alerts_admin import AlertAdmin as AlertAdmin  # registered with it
from hmnp.desk.models import Case

_NONE = "–"


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the closed ones; the open ones are what one comes for."""
        return [("closed", "Closed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Call the ones shown at first what they are."""
        choices = list(super().choices(changelist))
        choices[0]["display"] = "Open"
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """Show what waits unless asked for more."""
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() != "closed")


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every kind in words."""
        return [(kind.value, wording.kind_in_words(kind.value)) for kind in CaseKind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """Show one kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class CloseForm(ActionForm):
    how = forms.CharField(
        required=False,
        max_length=300,
        label="How it was decided:",
        widget=forms.TextInput(attrs={"size": 40}),
    )


@admin.register(Case)
class CaseAdmin(ReadOnlyMixin, ModelAdmin[Case]):
    list_display = ["since", "what", "summary", "booking", "taken_by", "closed_how"]
    list_display_links = ["since", "what"]
    list_filter = [OpenFilter, KindFilter]
    show_facets = admin.ShowFacets.NEVER
    list_select_related = ["taken_by"]
    search_fields = ["subject", "summary", "key"]
    ordering = ["opened_at"]
    actions = ["take", "close"]
    action_form = CloseForm
    readonly_fields = ("what", "since", "summary", "booking", "advice", "facts", "hands", "ending")
    fields = readonly_fields
    change_form_template = "desk/case.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        """Add what the booking is called."""
        reference = Booking.objects.filter(pk=OuterRef("booking_id")).values("reference")
        return super().get_queryset(request).annotate(booking_reference=Subquery(reference))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may take and close cases."""
        return request.user.has_perm("desk.change_case")

    @admin.display(description="What", ordering="kind")
    def what(self, case: Case) -> str:
        """Name the kind."""
        return wording.kind_in_words(case.kind)

    @admin.display(description="Since", ordering="opened_at")
    def since(self, case: Case) -> str:
        """Say when it was opened, by the clock the business goes by."""
        return _moment(case.opened_at)

    @admin.display(description="Booking", ordering=F("booking_reference"))
    def booking(self, case: Case) -> str:
        """Lead to the booking's money, where most repairs are made."""
        reference = getattr(case, "booking_reference", None)
        if not reference:
            return _NONE
        return format_html(
            '<a href="{}">{}</a>', reverse("admin-booking-money", args=[case.booking_id]), reference
        )

    @admin.display(description="What to do")
    def advice(self, case: Case) -> str:
        """Say what is suggested."""
        return wording.repair_in_words(case.repair) or _NONE

    @admin.display(description="Details")
    def facts(self, case: Case) -> str:
        """List what was known when it was opened."""
        rows = [("subject", case.subject)]
        for name, value in case.details.items():
            if name.endswith("_cents") and isinstance(value, int):
                rows.append((name.removesuffix("_cents"), show(value)))
            elif value not in ("", None):
                rows.append((name.replace("_", " "), str(value)))
        return format_html_join("", '<div class="fact"><span>{}</span> {}</div>', rows)

    @admin.display(description="Taken by")
    def hands(self, case: Case) -> str:
        """Say who sees to it since when."""
        if case.taken_by is None or case.taken_at is None:
            return "Nobody yet"
        return f"{case.taken_by}, {_moment(case.taken_at)}"

    @admin.display(description="Closed")
    def ending(self, case: Case) -> str:
        """Say how and by whom it was closed."""
        if case.closed_at is None:
            return "Open"
        return f"{case.closed_how} ({case.closed_by or 'by the system'}, {_moment(case.closed_at)})"

    @admin.action(description="I see to it", permissions=["decide"])
    def take(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        """Take each."""
        for case in queryset:
            self._decide(request, case, "take")

    @admin.action(description="Close (say how)", permissions=["decide"])
    def close(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        """Close each with the words given."""
        for case in queryset:
            self._decide(request, case, "close")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the list by its name."""
        return super().changelist_view(request, {**(extra_context or {}), "title": "Cases"})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a case; take or close it when one of its forms is sent."""
        if request.method == "POST":
            if not self.has_decide_permission(request):
                raise PermissionDenied
            case = self.get_object(request, object_id)
            if case is None:
                raise Http404
            self._decide(request, case, request.POST.get("do", ""))
            return redirect("admin:desk_case_change", object_id)
        case = self.get_object(request, object_id)
        context = {
            "title": self.what(case) if case else "Case",
            "subtitle": getattr(case, "booking_reference", None),
            "may_decide": self.has_decide_permission(request),
        }
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def _decide(self, request: HttpRequest, case: Case, deed: str) -> None:
        now, user = timezone.now(), request.user
        try:
            if deed == "take":
                take_case(case_id=case.pk, user=user, now=now)  # type: ignore[arg-type]  # the admin lets only users in
                done = "You see to it."
            elif deed == "close":
                how = request.POST.get("how", "")
                close_case(case_id=case.pk, how=how, user=user, now=now)  # type: ignore[arg-type]  # the admin lets only users in
                done = "Closed."
            else:
                raise Http404
        except DomainError as error:
            self.message_user(request, f"{self.what(case)}: {error.message}", messages.ERROR)
        else:
            self.message_user(request, f"{self.what(case)}: {done}", messages.SUCCESS)


def _moment(at: datetime) -> str:
    local = at.astimezone(ZoneInfo(settings.BUSINESS_TIME_ZONE))
    return f"{local.day} {local:%b %Y}, {clock(at, zone=ZoneInfo(settings.BUSINESS_TIME_ZONE))}"
