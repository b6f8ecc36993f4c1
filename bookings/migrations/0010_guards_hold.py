"""Check what was there before the guards; nobody who writes has to wait for it."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

_GUARDS = (
    ("booking", "booking_of_somebody"),
    ("busyblock", "busy_block_period_ends"),
    ("slotclaim", "claim_period_half_open"),
    ("slotclaim", "claim_of_somebody"),
)


class Migration(migrations.Migration):
    dependencies = [("bookings", "0009_guards")]

    operations = [ValidateConstraint(model_name=model, name=name) for model, name in _GUARDS]
