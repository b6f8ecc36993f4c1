from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside what goes on, so that no booking waits for it.
    atomic = False

    dependencies = [("bookings", "0012_claim_by_time")]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                fields=["starts_at"],
                condition=models.Q(refund_status="PENDING"),
                name="booking_refund_pending",
            ),
        ),
        AddIndexConcurrently(
            model_name="slotclaim",
            index=models.Index(fields=["held_at"], name="claim_held"),
        ),
        RemoveIndexConcurrently(model_name="slotclaim", name="claim_by_time"),
    ]
