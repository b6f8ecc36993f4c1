"""Money is read here, never written: every change of it is an action's."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from hmnp.core.columns import InWords
from hmnp.core.long_list import LongList
from payments.books import LedgerEntry, Mismatch
from payments.models import Payment, Refund


class ReadOnlyAdmin(InWords, LongList, ModelAdmin[Any]):
    """Lists and shows; nothing is added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    worded = ("kind", "method", "status", "decline_code")
    said = {"CHEQUE": "Check", "FORMER": "Taken by V1"}
    list_display = [
        "created_at",
        "booking",
        "kind",
        "status",
        "amount_cents",
        "amount_captured_cents",
        "amount_refunded_cents",
        "decline_code",
        "settled_at",
    ]
    list_filter = ["status", "kind"]
    list_select_related = ["booking"]
    # By anything else a million rows would have to be sorted.
    sortable_by = ["created_at"]
    search_fields = ["provider_intent_id", "booking__reference"]
    search_help_text = "A booking's reference, or Stripe's id of the payment"
    exclude = ["client_secret_hash"]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    worded = ("method", "status")
    list_display = [
        "requested_at",
        "payment",
        "amount_cents",
        "reason_key",
        "status",
        "attempts",
        "last_error",
        "settled_at",
    ]
    list_filter = ["status"]
    list_select_related = ["payment"]
    sortable_by = ["requested_at"]
    search_fields = ["provider_refund_id", "payment__booking__reference"]
    search_help_text = "A booking's reference, or Stripe's id of the refund"


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    worded = ("account",)
    list_display = ["occurred_at", "movement", "account", "amount_cents", "payment", "refund"]
    list_filter = ["account"]
    list_select_related = ["payment", "refund"]
    sortable_by = ["occurred_at"]
    ordering = ["-occurred_at"]
    search_fields = ["movement__startswith", "payment__booking__reference"]
    search_help_text = "A booking's reference, or how the movement's name begins"


@admin.register(Mismatch)
class MismatchAdmin(ReadOnlyAdmin):
    worded = ("kind", "repair")
    list_display = ["found_at", "kind", "subject", "detail", "repair", "resolved_at"]
    list_filter = ["kind", ("resolved_at", admin.EmptyFieldListFilter)]
    search_fields = ["subject"]
