"""What was measured: figures by minute, hour and day, and how things stood when last looked at."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Grain(models.TextChoices):
    """How long a bucket is. TOTAL is all there ever was, for Prometheus."""

    MINUTE = "M", "minute"
    HOUR = "H", "hour"
    DAY = "D", "day"
    TOTAL = "T", "total"


class MetricBucket(models.Model):
    """One figure of one period: how often, the sum of its values, their spread over classes.

    Minutes are added to by every process; hours and days are summed from them, or derived from
    the business's own rows, and may be written anew at any time. Days are the business's own.
    """

    grain = models.CharField(max_length=1, choices=Grain)
    starts_at = models.DateTimeField()
    metric = models.CharField(max_length=30)
    subject = models.CharField(max_length=150)
    outcome = models.CharField(max_length=30, blank=True)
    count = models.BigIntegerField(default=0)
    # Milliseconds for times; the reading for what is sampled.
    total = models.FloatField(default=0)
    # By the bounds of `hmnp.core.tally`; empty for what is only counted.
    spread = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "starts_at", "metric", "subject", "outcome"],
                name="metric_bucket_once",
            )
        ]
        indexes = [
            models.Index(fields=["grain", "metric", "starts_at"], name="metric_bucket_of_metric")
        ]

    def __str__(self) -> str:
        return f"{self.grain} {self.starts_at:%Y-%m-%d %H:%M}Z {self.metric} {self.subject}"


class Reading(models.Model):
    """How one thing stood when it was last looked at, such as beat's heart or an invariant."""

    name = models.CharField(max_length=30)
    subject = models.CharField(max_length=80)
    value = models.FloatField(default=0)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "subject"], name="reading_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}: {self.value}"
