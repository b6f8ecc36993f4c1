from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    # Built beside what goes on, so that no booking waits for it.
    atomic = False

    dependencies = [
        ("bookings", "0011_versions_within_reach"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="slotclaim",
            index=BrinIndex(fields=["held_at"], name="claim_by_time", autosummarize=True),
        ),
    ]
