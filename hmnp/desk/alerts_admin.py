"""The alerts as staff see them: what is wrong now, what was, who was told; and the thresholds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.admin import ModelAdmin

from bookings.admin import ReadOnlyMixin
from hmnp.core.pages import clock
from hmnp.desk.actions.acknowledge_alert import acknowledge_alert
from hmnp.desk.alert_models import Alert, AlertRule
from hmnp.desk.alert_rules import load_rules

_NONE = "–"


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what is wrong now, and what is over."""
        return [("open", "Open"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """Show all unless asked for one kind."""
        if self.value() is None:
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


@admin.register(Alert)
class AlertAdmin(ReadOnlyMixin, ModelAdmin[Alert]):
    list_display = ["summary", "severity", "since", "lasted", "seen"]
    list_filter = [StateFilter, "severity", "rule"]
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    list_select_related = ["acknowledged_by", "rule"]
    ordering = ["-opened_at"]
    actions = ["acknowledge"]
    fields = (
        "summary",
        "meaning",
        "severity",
        "since",
        "lasted",
        "values",
        "ending",
        "seen",
        "told",
    )
    readonly_fields = fields
    change_form_template = "desk/alert.html"

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may say that they have seen it."""
        return request.user.has_perm("desk.change_alert")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show an alert; note who has seen it when that form is sent."""
        if request.method == "POST":
            if not self.has_acknowledge_permission(request):
                raise PermissionDenied
            self.acknowledge(request, Alert.objects.filter(pk=object_id))
            return redirect("admin:desk_alert_change", object_id)
        alert = self.get_object(request, object_id)
        is_new = alert is not None and not alert.closed_at and not alert.acknowledged_at
        context = {
            "title": "Alert",
            "may_acknowledge": is_new and self.has_acknowledge_permission(request),
        }
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )
        return response

    @admin.display(description="What it means")
    def meaning(self, alert: Alert) -> str:
        """Say what the rule watches."""
        return alert.rule.meaning

    @admin.display(description="Since", ordering="opened_at")
    def since(self, alert: Alert) -> str:
        """Say when it was noticed."""
        return moment(alert.opened_at)

    @admin.display(description="Lasted")
    def lasted(self, alert: Alert) -> str:
        """Say how long it went on, or that it does."""
        if alert.closed_at is None:
            return "still open"
        minutes = max(round((alert.closed_at - alert.opened_at).total_seconds() / 60), 1)
        return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"

    @admin.display(description="Measured")
    def values(self, alert: Alert) -> str:
        """Say what was measured against what."""
        unit = alert.rule.unit
        return (
            f"{alert.opened_value:.4g} {unit} when it opened, {alert.worst_value:.4g} at worst, "
            f"{alert.last_value:.4g} at last; it opens above {alert.threshold:.4g}"
        )

    @admin.display(description="Over")
    def ending(self, alert: Alert) -> str:
        """Say when and how it ended."""
        if alert.closed_at is None:
            return _NONE
        return f"{moment(alert.closed_at)}: {alert.closed_how}"

    @admin.display(description="Seen by")
    def seen(self, alert: Alert) -> str:
        """Say who has seen it."""
        if alert.acknowledged_by is None or alert.acknowledged_at is None:
            return "nobody yet"
        return f"{alert.acknowledged_by}, {moment(alert.acknowledged_at)}"

    @admin.display(description="Told")
    def told(self, alert: Alert) -> str:
        """List the notices and what became of them."""
        rows = [
            (
                notice.get_channel_display().capitalize(),
                notice.get_occasion_display(),
                f"sent {moment(notice.sent_at)}"
                if notice.sent_at
                else f"{notice.get_state_display()}; {notice.attempts} tries {notice.last_error}",
            )
            for notice in alert.notices.all()
        ]
        return format_html_join("", "<div>{}, {}: {}</div>", rows) or "nobody: none is configured"

    @admin.action(description="I have seen it", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Note that this person has seen each."""
        now, user = timezone.now(), request.user
        seen = sum(
            acknowledge_alert(alert_id=alert.pk, user=user, now=now)  # type: ignore[arg-type]  # the admin lets only users in
            for alert in queryset
        )
        level = messages.SUCCESS if seen else messages.WARNING
        self.message_user(request, f"Seen: {seen}." if seen else "None was new.", level)


@admin.register(AlertRule)
class AlertRuleAdmin(ModelAdmin[AlertRule]):
    list_display = ["name", "is_on", "opens", "closes", "window", "severity"]
    fields = (
        "meaning",
        "is_on",
        "severity",
        "threshold",
        "close_at",
        "window_minutes",
        "min_samples",
        "open_after",
        "close_after",
    )
    readonly_fields = ("meaning",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds: what is measured is code."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes: a rule can be switched off."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the rules as they come, on a site where nothing was measured yet."""
        load_rules()
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    @admin.display(description="Opens above", ordering="threshold")
    def opens(self, rule: AlertRule) -> str:
        """Say when it opens."""
        return f"{rule.threshold:g} {rule.unit}"

    @admin.display(description="Closes at")
    def closes(self, rule: AlertRule) -> str:
        """Say when it closes."""
        return f"{rule.close_at:g} {rule.unit}"

    @admin.display(description="Over")
    def window(self, rule: AlertRule) -> str:
        """Say over how long it is measured."""
        return f"{rule.window_minutes} min"


def moment(at: datetime) -> str:
    """Give a moment by the clock the business goes by."""
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y}, {clock(at, zone=zone)}"
