from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside what goes on, so that no booking waits for it.
    atomic = False

    dependencies = [("payments", "0006_payment_by_time")]

    operations = [
        AddIndexConcurrently(
            model_name="payment",
            index=models.Index(fields=["created_at"], name="payment_created"),
        ),
        AddIndexConcurrently(
            model_name="refund",
            index=models.Index(fields=["requested_at"], name="refund_requested"),
        ),
        RemoveIndexConcurrently(model_name="payment", name="payment_by_time"),
    ]
