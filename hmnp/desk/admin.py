"""The cases that wait, oldest first; taken and closed by actions, never edited or deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
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
from hmnp.core.errors import DomainError, Fault, ValidationFailed
from hmnp.core.money import show
from hmnp.core.pages import clock
from hmnp.desk import wording
from hmnp.desk.actions.close_case import close_case
from hmnp.desk.actions.give_case_back import give_case_back
from hmnp.desk.actions.repair_case import repair_case
from hmnp.desk.actions.take_case import take_case
from hmnp.desk.alerts_admin import AlertAdmin as AlertAdmin  # registered with it
from hmnp.desk.asking import actor_of
from hmnp.desk.case_ways import ways_for
from hmnp.desk.models import Case
from hmnp.desk.repairs import Repair, repairs_for
from hmnp.desk.today_page import age

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
    list_display = ["waits", "what", "summary", "booking", "next_step", "taken_by", "closed_how"]
    list_display_links = ["waits", "what"]
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
        cases: QuerySet[Case] = super().get_queryset(request)
        return cases.annotate(booking_reference=Subquery(reference))

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
        """Lead to the booking's page."""
        reference = getattr(case, "booking_reference", None)
        if not reference:
            return _NONE
        address = reverse("admin:bookings_booking_change", args=[case.booking_id])
        return format_html('<a href="{}">{}</a>', address, reference)

    @admin.display(description="Waits for", ordering="opened_at")
    def waits(self, case: Case) -> str:
        """Say how long it has waited, or waited until it was closed."""
        return age(case.opened_at, now=case.closed_at or timezone.now())

    @admin.display(description="Next")
    def next_step(self, case: Case) -> str:
        """Lead to the suggested repair."""
        if case.closed_at is not None:
            return _NONE
        known = repairs_for(case)
        words = known[0].label if known else "See what to do"
        address = reverse("admin:desk_case_change", args=[case.pk])
        return format_html('<a href="{}#repair">{}</a>', address, words)

    @admin.display(description="What to do")
    def advice(self, case: Case) -> str:
        """Say what is suggested."""
        return wording.repair_in_words(case.repair, kind=case.kind) or _NONE

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
        named = {**(extra_context or {}), "title": "Cases"}
        answer: HttpResponse = super().changelist_view(request, named)
        return answer

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
            "repairs": _allowed(request, case) if case and case.closed_at is None else [],
            "ways": ways_for(case) if case and case.closed_at is None else [],
            "deeds": case.deeds.select_related("user") if case else [],
        }
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )
        return answer

    def _decide(self, request: HttpRequest, case: Case, deed: str) -> None:
        try:
            done = self._do(request, case, deed)
        except DomainError as error:
            self.message_user(request, f"{self.what(case)}: {error.message}", messages.ERROR)
        else:
            self.message_user(request, f"{self.what(case)}: {done}", messages.SUCCESS)

    def _do(self, request: HttpRequest, case: Case, deed: str) -> str:
        now, user = timezone.now(), request.user
        assert not isinstance(user, AnonymousUser)  # noqa: S101 -- the door lets none in; for the type
        match deed:
            case "take":
                take_case(case_id=case.pk, user=user, now=now)
                return "You see to it."
            case "give_back":
                give_case_back(case_id=case.pk, user=user, now=now)
                return "It is in nobody's hands."
            case "close":
                how = request.POST.get("how", "")
                close_case(case_id=case.pk, how=how, user=user, now=now)
                return "Closed."
        repair = next((one for one in repairs_for(case) if one.code == deed), None)
        if repair is None:
            raise Http404
        if not request.user.has_perm(repair.permission):
            raise PermissionDenied
        words = request.POST.get("words", "").strip()[:200]
        if repair.asks and not words:
            raise ValidationFailed(Fault("words", "required", f"Say this too: {repair.asks}."))
        actor = actor_of(request)
        return repair_case(case=case, repair=repair, words=words, user=user, actor=actor, now=now)


def _allowed(request: HttpRequest, case: Case) -> list[Repair]:
    """Give the repairs this member of staff may make."""
    return [one for one in repairs_for(case) if request.user.has_perm(one.permission)]


def _moment(at: datetime) -> str:
    local = at.astimezone(ZoneInfo(settings.BUSINESS_TIME_ZONE))
    return f"{local.day} {local:%b %Y}, {clock(at, zone=ZoneInfo(settings.BUSINESS_TIME_ZONE))}"
