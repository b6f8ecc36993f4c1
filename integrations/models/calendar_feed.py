"""How far each outside calendar has been read."""

from __future__ import annotations

from django.db import models


class CalendarFeed(models.Model):
    """One calendar that is read for busy times and for changes to what we wrote.

    `reads` rises with each reading begun: one that was overtaken writes nothing any more.
    """

    system = models.CharField(max_length=20)
    container = models.CharField(max_length=255)
    sync_token = models.TextField(blank=True)
    reads = models.PositiveIntegerField(default=0)
    # For whose busy times it was read last, by id: for somebody new it is read as a whole.
    read_for = models.JSONField(default=list)
    # When the whole window was last read, rather than what had changed.
    read_whole_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "container"], name="calendar_feed_once")
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.container}"
