"""What the law lets an act cost at most; it changes with the law, and with a release of ours."""

from __future__ import annotations

from django.db import models


class LegalMaximum(models.Model):
    """The most a fee set by law may be from a day on, until a later row of the same code.

    Loaded from the data files and edited by nobody: what we charge (`StatutoryRate`) stays below.
    """

    code = models.CharField(max_length=24)
    amount_cents = models.PositiveIntegerField()
    valid_from = models.DateField()
    source = models.CharField(max_length=200)

    class Meta:
        ordering = ["code", "valid_from"]
        verbose_name_plural = "legal maxima"
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="legal_maximum_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} from {self.valid_from}"
