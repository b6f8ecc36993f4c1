from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0010_calendar_read_for"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="outboxjob",
            index=BrinIndex(fields=["finished_at"], name="outbox_by_time", autosummarize=True),
        ),
    ]
