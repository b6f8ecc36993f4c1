from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside what goes on, so that no booking waits for it.
    atomic = False

    dependencies = [("integrations", "0011_outbox_by_time")]

    operations = [
        AddIndexConcurrently(
            model_name="outboxjob",
            index=models.Index(fields=["created_at"], name="outbox_created"),
        ),
        AddIndexConcurrently(
            model_name="inboxevent",
            index=models.Index(fields=["received_at"], name="inbox_received"),
        ),
        AddIndexConcurrently(
            model_name="inboxevent",
            index=models.Index(fields=["event_id"], name="inbox_event"),
        ),
        AddIndexConcurrently(
            model_name="inboxevent",
            index=models.Index(fields=["object_id"], name="inbox_about"),
        ),
        AddIndexConcurrently(
            model_name="externalref",
            index=models.Index(fields=["external_id"], name="external_ref_id"),
        ),
    ]
