from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    # Built beside what goes on, so that no booking waits for it.
    atomic = False

    dependencies = [
        ("payments", "0005_former_system"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="payment",
            index=BrinIndex(fields=["created_at"], name="payment_by_time", autosummarize=True),
        ),
    ]
