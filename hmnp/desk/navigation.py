"""The desk's sidebar: what a day's work needs, in that order; each shows only what it may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


@dataclass(frozen=True)
class Entry:
    """One link: shown to whoever has `permission`, to all of staff without one."""

    title: str
    url: str
    icon: str
    permission: str = ""


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Today",
        (
            Entry("Today", "admin-today", "today"),
            Entry("Weeks", "admin-week", "calendar_view_week"),
            Entry("New booking", "admin-new-booking", "add_call", "bookings.add_booking"),
        ),
    ),
    (
        "Bookings",
        (
            Entry(
                "Bookings", "admin:bookings_booking_changelist", "event", "bookings.view_booking"
            ),
            Entry(
                "Claims",
                "admin:bookings_slotclaim_changelist",
                "lock_clock",
                "bookings.view_slotclaim",
            ),
        ),
    ),
    ("Cases", (Entry("Cases", "admin:desk_case_changelist", "inbox", "desk.view_case"),)),
    (
        "Watch",
        (
            Entry("How it goes", "admin-dashboard", "monitoring", "desk.view_metricbucket"),
            Entry("Alerts", "admin:desk_alert_changelist", "notifications", "desk.view_alert"),
            Entry("Thresholds", "admin:desk_alertrule_changelist", "tune", "desk.view_alertrule"),
        ),
    ),
    (
        "Money",
        (
            Entry(
                "Payments", "admin:payments_payment_changelist", "payments", "payments.view_payment"
            ),
            Entry("Refunds", "admin:payments_refund_changelist", "undo", "payments.view_refund"),
            Entry(
                "Ledger",
                "admin:payments_ledgerentry_changelist",
                "menu_book",
                "payments.view_ledgerentry",
            ),
            Entry(
                "Mismatches", "admin:payments_mismatch_changelist", "rule", "payments.view_mismatch"
            ),
            Entry("Statements", "admin-statement", "request_quote", "payments.view_ledgerentry"),
        ),
    ),
    (
        "Outside",
        (
            Entry("Queues", "admin-outside", "sync_alt", "integrations.view_outboxjob"),
            Entry(
                "Sent",
                "admin:integrations_outboxjob_changelist",
                "outbox",
                "integrations.view_outboxjob",
            ),
            Entry(
                "Received",
                "admin:integrations_inboxevent_changelist",
                "move_to_inbox",
                "integrations.view_inboxevent",
            ),
            Entry(
                "Names outside",
                "admin:integrations_externalref_changelist",
                "link",
                "integrations.view_externalref",
            ),
            Entry(
                "SMS opt-outs",
                "admin:integrations_smsoptout_changelist",
                "sms_failed",
                "integrations.view_smsoptout",
            ),
        ),
    ),
    (
        "Catalogue",
        (
            Entry(
                "Services", "admin:services_service_changelist", "list_alt", "services.view_service"
            ),
            Entry(
                "Areas", "admin:services_servicearea_changelist", "map", "services.view_servicearea"
            ),
            Entry(
                "Statutory rates",
                "admin:services_statutoryrate_changelist",
                "gavel",
                "services.view_statutoryrate",
            ),
            Entry(
                "Promo codes",
                "admin:services_promocode_changelist",
                "sell",
                "services.view_promocode",
            ),
        ),
    ),
    (
        "Partners",
        (
            Entry(
                "Partners",
                "admin:accounts_partner_changelist",
                "handshake",
                "accounts.view_partner",
            ),
            Entry(
                "API keys",
                "admin:accounts_partnerapikey_changelist",
                "key",
                "accounts.view_partnerapikey",
            ),
        ),
    ),
    (
        "People",
        (
            Entry("Notaries", "admin:bookings_notary_changelist", "badge", "bookings.view_notary"),
            Entry(
                "Busy times",
                "admin:bookings_busyblock_changelist",
                "event_busy",
                "bookings.view_busyblock",
            ),
            Entry(
                "Days off for all",
                "admin:bookings_blackout_changelist",
                "block",
                "bookings.view_blackout",
            ),
            Entry("Staff", "admin:auth_user_changelist", "group", "auth.view_user"),
        ),
    ),
    (
        "V1",
        (
            Entry("V1 and V2", "admin-rollout", "alt_route", "rollout.view_flag"),
            Entry("V1 rows", "admin:rollout_v1row_changelist", "database", "rollout.view_v1row"),
            Entry(
                "Other prices",
                "admin:rollout_shadowcheck_changelist",
                "compare_arrows",
                "rollout.view_shadowcheck",
            ),
        ),
    ),
    (
        "History",
        (
            Entry(
                "Changes", "admin:auditlog_logentry_changelist", "history", "auditlog.view_logentry"
            ),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the groups this person has something in."""
    groups = (
        {
            "title": title,
            "items": [
                {"title": entry.title, "icon": entry.icon, "link": reverse(entry.url)}
                for entry in entries
                if not entry.permission or request.user.has_perm(entry.permission)
            ],
        }
        for title, entries in GROUPS
    )
    return [group for group in groups if group["items"]]


def mark(request: HttpRequest) -> str:
    """Give the address of the company's mark."""
    return static("img/seal.svg")


def account(request: HttpRequest) -> list[dict[str, str]]:
    """Give what everybody may do about their own way in."""
    return [
        {"title": "Your second step", "link": reverse("mfa_index")},
        {"title": "Where you are signed in", "link": reverse("admin-sessions")},
        {"title": "Change your password", "link": reverse("account_change_password")},
    ]
