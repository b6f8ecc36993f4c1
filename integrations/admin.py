"""What went out and what came in, for staff: read-only, with a second chance for the dead."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from integrations import inbox, outbox
from integrations.models import ExternalRef, InboxEvent, OutboxJob, SmsOptOut


class _ReadOnly:
    """Rows that only the system writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse; the rows are shown to whoever may view them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(OutboxJob)
class OutboxJobAdmin(_ReadOnly, ModelAdmin[OutboxJob]):
    list_display = [
        "created_at",
        "booking",
        "destination",
        "message_kind",
        "version",
        "state",
        "delivery_status",
        "attempts",
        "run_at",
        "last_error",
    ]
    list_filter = ["state", "destination", "message_kind", "delivery_status"]
    list_select_related = ["booking"]
    search_fields = ["booking__reference", "id"]
    date_hierarchy = "created_at"
    exclude = ["token"]
    actions = ["replay"]

    @admin.action(description="Try dead jobs again", permissions=["view"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxJob]) -> None:
        """Start the chosen jobs that are dead anew."""
        chosen = list(queryset.values_list("pk", flat=True))
        started = sum(outbox.replay(job_id=job_id) for job_id in chosen)
        _tell(self, request, started, len(chosen))


@admin.register(InboxEvent)
class InboxEventAdmin(_ReadOnly, ModelAdmin[InboxEvent]):
    list_display = ["received_at", "provider", "type", "object_id", "state", "attempts", "run_at"]
    list_filter = ["state", "provider", "type"]
    search_fields = ["event_id", "object_id"]
    date_hierarchy = "received_at"
    # The body may name people; whoever needs it looks at the provider's.
    exclude = ["body"]
    actions = ["replay"]

    @admin.action(description="Try dead events again", permissions=["view"])
    def replay(self, request: HttpRequest, queryset: QuerySet[InboxEvent]) -> None:
        """Take up the chosen events that are dead again."""
        chosen = list(queryset.values_list("pk", flat=True))
        started = sum(inbox.replay(inbox_id=inbox_id) for inbox_id in chosen)
        _tell(self, request, started, len(chosen))


@admin.register(ExternalRef)
class ExternalRefAdmin(_ReadOnly, ModelAdmin[ExternalRef]):
    list_display = ["booking", "system", "kind", "external_id", "version", "updated_at"]
    list_filter = ["system", "kind"]
    list_select_related = ["booking"]
    search_fields = ["booking__reference", "external_id"]


@admin.register(SmsOptOut)
class SmsOptOutAdmin(_ReadOnly, ModelAdmin[SmsOptOut]):
    list_display = ["number", "noted_at"]
    search_fields = ["number"]


def _tell(page: ModelAdmin[Any], request: HttpRequest, started: int, chosen: int) -> None:
    level = messages.SUCCESS if started == chosen else messages.WARNING
    page.message_user(
        request, f"{started} of {chosen} started again; only dead ones can be.", level
    )
