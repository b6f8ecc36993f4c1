"""What happened to a booking, append-only."""

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

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["booking", "id"], name="timeline_booking")]

    def __str__(self) -> str:
        return f"{self.action} {self.at:%Y-%m-%d %H:%M}Z"
