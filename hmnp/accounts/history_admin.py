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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse, also as part of deleting what the entry is about."""
        return False
