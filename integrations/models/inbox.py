"""What was told to us from outside: verified, stored once, processed later."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from integrations.states import InboxState, Provider


class InboxEvent(models.Model):
    """One verified webhook event, with the exact bytes that were signed.

    A claim moves `run_at` past the time a worker may take, so that an event whose worker died is
    due again by itself; `attempts` tells the claims apart.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.CharField(max_length=10, choices=[(p.value, p.value) for p in Provider])
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    state = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in InboxState],
        default=InboxState.RECEIVED.value,
    )
    run_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    give_up_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="inbox_event_once")
        ]
        indexes = [
            models.Index(
                fields=["run_at"],
                condition=Q(state__in=[InboxState.RECEIVED.value, InboxState.PARKED.value]),
                name="inbox_due",
            ),
            models.Index(fields=["provider", "object_id"], name="inbox_object"),
            # What staff look for, without saying whose it is.
            models.Index(fields=["object_id"], name="inbox_about"),
            models.Index(fields=["event_id"], name="inbox_event"),
            models.Index(fields=["received_at"], name="inbox_received"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.type} {self.state}"
