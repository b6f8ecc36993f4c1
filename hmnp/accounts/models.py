"""Partners and their API keys."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey


class Terms(models.TextChoices):
    CARD = "CARD", "Card at booking"
    STATEMENT = "STATEMENT", "Monthly statement (Net-15)"


class Scope(models.TextChoices):
    AVAILABILITY_READ = "availability:read", "Read availability"
    BOOKINGS_READ = "bookings:read", "Read own bookings"
    BOOKINGS_WRITE = "bookings:write", "Hold, book, move and cancel"
    PAYMENTS_WRITE = "payments:write", "Pay"


class Partner(models.Model):
    """A title company or law firm that books over the API."""

    name = models.CharField(max_length=120, unique=True)
    terms = models.CharField(max_length=12, choices=Terms, default=Terms.CARD)
    contact_name = models.CharField(max_length=100, blank=True)
    contact_email = models.EmailField(blank=True)
    max_live_holds = models.PositiveSmallIntegerField(default=20)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PartnerApiKey(AbstractAPIKey):
    """A hashed key of a partner; the key itself is shown once, when it is made."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope), default=list)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
