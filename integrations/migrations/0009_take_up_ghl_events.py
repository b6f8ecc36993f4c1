"""Events of GoHighLevel's were kept until its connector was there: now they are acted on."""

from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Now


def take_up(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Set the events that were kept back to received."""
    events = apps.get_model("integrations", "InboxEvent").objects
    events.filter(provider="ghl", state="UNHANDLED").update(
        state="RECEIVED",
        run_at=Now(),
        give_up_at=Now() + timedelta(hours=72),
        attempts=0,
        finished_at=None,
        last_error="",
    )


class Migration(migrations.Migration):
    dependencies = [("integrations", "0008_take_up_proof_events")]

    operations = [migrations.RunPython(take_up, migrations.RunPython.noop)]
