"""Proof's events that were kept until something acts on them are taken up now."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models.functions import Now


def take_up(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001 -- Django's signature
    """Set them back to received; the sweeper does the rest."""
    apps.get_model("integrations", "InboxEvent").objects.filter(
        provider="proof", state="UNHANDLED"
    ).update(state="RECEIVED", run_at=Now(), attempts=0, finished_at=None, last_error="")


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0007_calendar_feed"),
    ]

    operations = [
        migrations.RunPython(take_up, migrations.RunPython.noop),
    ]
