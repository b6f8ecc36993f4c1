"""What a booking is called outside."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ExternalRef(models.Model):
    """One object of one outside system that stands for a booking, as we last wrote it."""

    booking = models.ForeignKey("bookings.Booking", on_delete=models.PROTECT, related_name="+")
    system = models.CharField(max_length=20)
    kind = models.CharField(max_length=30)
    # The calendar, location or account the object lives in; empty where there is only one.
    container = models.CharField(max_length=255, blank=True)
    external_id = models.CharField(max_length=255)
    # The booking's version it shows, and a hash of what was written, to know our own echo by.
    version = models.PositiveIntegerField(default=0)
    written_hash = models.CharField(max_length=64, blank=True)
    # The outside's own word for the object's state, as last written or read.
    status = models.CharField(max_length=60, blank=True)
    synced_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "external reference"
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "system", "kind", "container"], name="external_ref_once"
            ),
            models.UniqueConstraint(
                fields=["system", "kind", "container", "external_id"],
                # A customer's contact stands for all of their bookings.
                condition=~Q(kind="contact"),
                name="external_ref_of_one_booking",
            ),
        ]
        indexes = [models.Index(fields=["external_id"], name="external_ref_id")]

    def __str__(self) -> str:
        return f"{self.system} {self.kind} {self.external_id}"
