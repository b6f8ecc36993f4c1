"""Who told the carrier STOP."""

from __future__ import annotations

from django.db import models


class SmsOptOut(models.Model):
    """A number that wants no SMS of ours; a consent given later than `noted_at` counts again."""

    number = models.CharField(max_length=20, primary_key=True)
    noted_at = models.DateTimeField()

    class Meta:
        verbose_name = "SMS opt-out"
        ordering = ["-noted_at"]

    def __str__(self) -> str:
        return self.number
