"""Who changed what: read by whoever may, changed by nobody."""

from __future__ import annotations

from typing import Any

from auditlog.admin import LogEntryAdmin
from auditlog.models import LogEntry
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class HistoryAdmin(LogEntryAdmin, ModelAdmin[LogEntry]):
    show_full_result_count = False
    list_display = ["created", "resource_url", "action", "msg_short", "who"]
    search_fields = ["object_repr", "object_pk", "cid", "actor__username"]
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
