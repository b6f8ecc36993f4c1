"""What must be done outside, one row a job. The row is the job; Celery only rings the bell."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from integrations.states import Destination, JobKind, JobState, MessageKind


class OutboxJob(models.Model):
    """One effect outside, written in the transaction of the fact that asks for it.

    Only `integrations/{outbox,attempts,due_jobs,message_fate}.py` write it. `token` is new with
    every claim: a worker that lost its lease finds another token and can no longer finish.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in JobKind])
    destination = models.CharField(max_length=20, choices=[(d.value, d.value) for d in Destination])
    booking = models.ForeignKey("bookings.Booking", on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    message_kind = models.CharField(
        max_length=20, blank=True, choices=[(k.value, k.value) for k in MessageKind]
    )
    recipient = models.CharField(max_length=254, blank=True)
    # Tells apart two messages of one kind at one version: the refund, the day, the request.
    occurrence_id = models.CharField(max_length=64, blank=True)

    state = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in JobState],
        default=JobState.READY.value,
    )
    # 1 goes first among those that are due.
    priority = models.PositiveSmallIntegerField(default=1)
    # Whether a person is called when it cannot be done.
    is_required = models.BooleanField(default=True)
    run_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField()
    give_up_at = models.DateTimeField()
    give_up_after = models.DurationField(default=timedelta(hours=72))
    # A fact came while it was being done: what it read may be old.
    is_asked_again = models.BooleanField(default=False)
    # Attempts of which we never learnt whether they took effect.
    unknown_outcomes = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    rung_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    # What the carrier or the mailbox said of a sent message afterwards, in the service's own word.
    delivery_status = models.CharField(max_length=20, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "destination", "version"],
                condition=Q(kind=JobKind.SYNC.value),
                name="outbox_sync_once",
            ),
            models.UniqueConstraint(
                fields=["booking", "message_kind", "version", "recipient", "occurrence_id"],
                condition=Q(kind=JobKind.MESSAGE.value),
                name="outbox_message_once",
            ),
            models.CheckConstraint(
                name="outbox_message_is_addressed",
                condition=Q(kind=JobKind.SYNC.value, message_kind="", recipient="")
                | (Q(kind=JobKind.MESSAGE.value) & ~Q(message_kind="") & ~Q(recipient="")),
            ),
            models.CheckConstraint(
                name="outbox_running_is_leased",
                condition=~Q(state=JobState.RUNNING.value)
                | Q(lease_until__isnull=False, token__isnull=False),
            ),
            models.CheckConstraint(
                name="outbox_ended_has_end",
                condition=Q(state__in=[JobState.READY.value, JobState.RUNNING.value])
                | Q(finished_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_at"], condition=Q(state=JobState.READY.value), name="outbox_ready"
            ),
            models.Index(
                fields=["lease_until"],
                condition=Q(state=JobState.RUNNING.value),
                name="outbox_running",
            ),
            models.Index(
                fields=["finished_at"], condition=Q(state=JobState.DEAD.value), name="outbox_dead"
            ),
            models.Index(fields=["created_at"], name="outbox_created"),
            # An hour's figures are derived by it; such an index is tiny.
            BrinIndex(fields=["finished_at"], name="outbox_by_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        what = f" {self.message_kind}" if self.message_kind else ""
        said = f"{self.destination}{what} v{self.version}, {self.state}"
        return said.replace("_", " ").lower()
