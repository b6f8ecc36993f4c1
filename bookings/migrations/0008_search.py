from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.contrib.postgres.search import SearchVector
from django.db import migrations, models
from django.db.models.functions import Lower, Reverse


class Migration(migrations.Migration):
    # Nobody waits while an index is built.
    atomic = False

    dependencies = [("bookings", "0007_notary_user")]

    operations = [
        migrations.AlterModelOptions(
            name="booking",
            options={
                "ordering": ["-starts_at"],
                "permissions": [("export_booking", "Can export bookings")],
            },
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(fields=["status", "starts_at"], name="booking_status_starts"),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                OpClass(Lower("customer_email"), name="text_pattern_ops"),
                name="booking_email_search",
            ),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                OpClass(Reverse("customer_phone"), name="text_pattern_ops"),
                name="booking_phone_search",
            ),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=GinIndex(
                SearchVector("customer_name", config="simple"), name="booking_name_search"
            ),
        ),
    ]
