"""What was done about a case, by whom: added to, never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Deed(models.TextChoices):
    """TAKEN and GIVEN_BACK are about whose it is; REPAIRED is a suggested repair that was made."""

    TAKEN = "TAKEN", "Taken"
    GIVEN_BACK = "GIVEN_BACK", "Given back"
    REPAIRED = "REPAIRED", "Done"
    CLOSED = "CLOSED", "Closed"


class CaseDeed(models.Model):
    """One thing a person did about a case."""

    case = models.ForeignKey("desk.Case", on_delete=models.PROTECT, related_name="deeds")
    deed = models.CharField(max_length=10, choices=Deed)
    words = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.deed} {self.at:%Y-%m-%d %H:%M}Z"
