"""Who changed what: read by whoever may, changed by nobody."""

from __future__ import annotations

from typing import Any

from auditlog.admin import LogEntryAdmin
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from hmnp.core.long_list import LongList
from hmnp.core.select_filter import SelectFilter

admin.site.unregister(LogEntry)


class KindFilter(SelectFilter, admin.SimpleListFilter):
    """By what was changed; auditlog's own looks through every row for what there is."""

    title = "what was changed"
    parameter_name = "content_type__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every kind that is watched."""
        kinds = ContentType.objects.get_for_models(*auditlog.get_models())
        named = ((str(kind.pk), str(kind.name).capitalize()) for kind in kinds.values())
        return sorted(named, key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what is of the kind."""
        value = self.value() or ""
        return queryset.filter(content_type_id=value) if value.isdigit() else queryset


class WhoFilter(SelectFilter, admin.SimpleListFilter):
    """By the account that did it."""

    title = "who did it"
    parameter_name = "actor__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every account."""
        accounts = User.objects.order_by("username").values_list("pk", "username")
        return [(str(key), name) for key, name in accounts]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what they did."""
        value = self.value() or ""
        return queryset.filter(actor_id=value) if value.isdigit() else queryset


@admin.register(LogEntry)
class HistoryAdmin(LongList, LogEntryAdmin, ModelAdmin[LogEntry]):
    list_display = ["created", "resource_url", "action", "msg_short", "who"]
    list_filter = ["action", KindFilter, WhoFilter]
    list_filter_submit = True
    date_hierarchy = None
    sortable_by = ["created"]
    search_fields = ["object_pk", "cid"]
    search_help_text = "The whole id of what was changed, or of the request"
    readonly_fields = ["created", "resource_url", "action", "who", "remote_addr", "cid", "msg"]
    fieldsets = [
        (None, {"fields": ["created", "who", "remote_addr", "cid", "resource_url"]}),
        ("Changes", {"fields": ["action", "msg"]}),
    ]

    @admin.display(description="Who")
    def who(self, entry: LogEntry) -> str:
        """Name the account, the partner, or the program that did it without anybody."""
        if entry.actor is not None:
            return str(entry.actor)
        said = entry.additional_data or {}
        known = [said.get(name, "") for name in ("actorType", "actorId", "program")]
        return " ".join(filter(None, known)) or "system"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse, also as part of deleting what the entry is about."""
        return False
