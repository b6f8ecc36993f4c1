"""The demo's accounts: their passwords and secrets are public, so they open nothing for real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

NAMES = frozenset({"staff", "demo-dispatcher", "demo-finance", "demo-notary"})


def is_refused(username: str) -> bool:
    """Tell whether this is an account of the demo's where there is no sandbox."""
    return username.lower() in NAMES and not settings.SANDBOX_URL


@register(Tags.database)
def check_no_demo_staff(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse to go on, also to migrate, where a demo account is among the real ones."""
    databases: list[str] | None = kwargs.get("databases")
    if settings.SANDBOX_URL or not databases:
        return []
    users = get_user_model()
    if users._meta.db_table not in connections[databases[0]].introspection.table_names():
        return []
    found = sorted(
        users._default_manager.filter(username__in=NAMES).values_list("username", flat=True)
    )
    if not found:
        return []
    return [
        Error(
            f"Demo accounts are in this database: {', '.join(found)}.",
            hint="Their passwords are public. Delete or rename them.",
            id="accounts.E001",
        )
    ]
