"""How each outside system is doing: its breaker, its budget, and whether staff paused it."""

from __future__ import annotations

from django.db import models

from integrations.states import Destination


class DestinationState(models.Model):
    """One row a destination, shared by all workers; `integrations/destinations.py` writes it."""

    name = models.CharField(
        max_length=20, primary_key=True, choices=[(d.value, d.value) for d in Destination]
    )
    # Failures in a row; with the first, one job at a time; from the limit on, none until then.
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=150, blank=True)
    pause_reason = models.CharField(max_length=200, blank=True)
    # Calls that may be made at once, as of `refilled_at`.
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "destination"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
