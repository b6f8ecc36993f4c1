from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    # Built beside what goes on, so that no booking waits for it.
    atomic = False

    dependencies = [
        ("integrations", "0010_calendar_read_for"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="outboxjob",
            index=BrinIndex(fields=["finished_at"], name="outbox_by_time", autosummarize=True),
        ),
    ]
