from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_former_system"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="payment",
            index=BrinIndex(fields=["created_at"], name="payment_by_time", autosummarize=True),
        ),
    ]
