"""What must not happen to a claim or a booking, refused by the database too; checked in 0010."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("bookings", "0008_search")]

    operations = [
        AddConstraintNotValid(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=Q(signers__gte=1, documents__gte=1), name="booking_of_somebody"
            ),
        ),
        AddConstraintNotValid(
            model_name="busyblock",
            constraint=models.CheckConstraint(
                condition=Q(period__lower_inf=False, period__upper_inf=False),
                name="busy_block_period_ends",
            ),
        ),
        AddConstraintNotValid(
            model_name="slotclaim",
            constraint=models.CheckConstraint(
                condition=Q(period__lower_inc=True, period__upper_inc=False),
                name="claim_period_half_open",
            ),
        ),
        AddConstraintNotValid(
            model_name="slotclaim",
            constraint=models.CheckConstraint(
                condition=Q(signers__gte=1, documents__gte=1), name="claim_of_somebody"
            ),
        ),
    ]
