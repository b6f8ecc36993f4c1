"""What happened to a booking: append-only, each row bound to the one before by its hash."""

from __future__ import annotations

from django.db import models

from bookings.states import TimelineAction
from hmnp.core.context import ActorType


class TimelineEvent(models.Model):
    """One fact, written in the transaction that made it true; never changed or removed."""

    booking = models.ForeignKey(
        "bookings.Booking", on_delete=models.PROTECT, related_name="timeline"
    )
    action = models.CharField(max_length=20, choices=[(a.value, a.value) for a in TimelineAction])
    actor_type = models.CharField(max_length=10, choices=[(a.value, a.value) for a in ActorType])
    actor_id = models.CharField(max_length=80, blank=True)
    # By field name, a pair of before and after.
    changes = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    # The database fills these in, whatever was sent: the place in the booking's chain, and SHA-256
    # over every other column (`bookings/timeline_chain.py`).
    seq = models.PositiveIntegerField(db_default=0, editable=False)
    prev_hash = models.CharField(max_length=64, db_default="", editable=False)
    hash = models.CharField(max_length=64, db_default="", editable=False)

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["booking", "seq"], name="timeline_booking_seq")
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.at:%Y-%m-%d %H:%M}Z"


class TimelineHead(models.Model):
    """How long a booking's timeline is and what its last row's hash is; the database keeps it."""

    booking = models.OneToOneField(
        "bookings.Booking", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    length = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.length} rows"
