"""What went out and what came in, for staff: read-only, with a second chance for the dead."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from hmnp.core.columns import InWords
from hmnp.core.long_list import LongList
from hmnp.core.select_filter import SelectFilter
from integrations import inbox, outbox
from integrations.message_fate import FATES
from integrations.models import ExternalRef, InboxEvent, OutboxJob, SmsOptOut
from integrations.states import Destination


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


class _OneOf(SelectFilter, admin.SimpleListFilter):
    """By a text whose values are known; the theme's own would look for them in every row."""

    values: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer each."""
        return [(value, value.replace("_", " ")) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what has it."""
        chosen, name = self.value(), str(self.parameter_name)
        return queryset.filter(**{name: chosen}) if chosen in self.values else queryset


# As they write themselves.
_SAID = {"ghl": "GoHighLevel", "sms": "SMS", "caldav": "CalDAV"}


class FateFilter(_OneOf):
    title = "delivery status"
    parameter_name = "delivery_status"
    values = FATES


class SystemFilter(_OneOf):
    title = "system"
    parameter_name = "system"
    values = tuple(one.value for one in Destination)


@admin.register(OutboxJob)
class OutboxJobAdmin(InWords, LongList, _ReadOnly, ModelAdmin[OutboxJob]):
    worded = ("destination", "kind", "message_kind", "state", "delivery_status")
    said = _SAID
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
    list_filter = ["state", "destination", "message_kind", FateFilter]
    list_filter_submit = True
    list_select_related = ["booking"]
    sortable_by = ["created_at"]
    search_fields = ["booking__reference", "id"]
    search_help_text = "A booking's reference, or the job's whole id"
    exclude = ["token"]
    actions = ["replay"]

    @admin.action(description="Try dead jobs again", permissions=["view"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxJob]) -> None:
        """Start the chosen jobs that are dead anew."""
        chosen = list(queryset.values_list("pk", flat=True))
        started = sum(outbox.replay(job_id=job_id) for job_id in chosen)
        _tell(self, request, started, len(chosen))


@admin.register(InboxEvent)
class InboxEventAdmin(InWords, LongList, _ReadOnly, ModelAdmin[InboxEvent]):
    worded = ("provider", "state")
    said = _SAID
    list_display = ["received_at", "provider", "type", "object_id", "state", "attempts", "run_at"]
    list_filter = ["state", "provider"]
    sortable_by = ["received_at"]
    search_fields = ["event_id", "object_id"]
    search_help_text = "The whole id of the event, or of what it is about"
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
class ExternalRefAdmin(InWords, LongList, _ReadOnly, ModelAdmin[ExternalRef]):
    worded = ("system", "kind")
    said = _SAID
    list_display = ["booking", "system", "kind", "external_id", "version", "updated_at"]
    list_filter = [SystemFilter]
    list_filter_submit = True
    list_select_related = ["booking"]
    sortable_by = ()
    ordering = ["-pk"]
    search_fields = ["booking__reference", "external_id"]
    search_help_text = "A booking's reference, or the whole id outside"


@admin.register(SmsOptOut)
class SmsOptOutAdmin(LongList, _ReadOnly, ModelAdmin[SmsOptOut]):
    list_display = ["number", "noted_at"]
    search_fields = ["number__contains"]


def _tell(page: ModelAdmin[Any], request: HttpRequest, started: int, chosen: int) -> None:
    level = messages.SUCCESS if started == chosen else messages.WARNING
    page.message_user(
        request, f"{started} of {chosen} started again; only dead ones can be.", level
    )
