"""Partners and their API keys."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

# One in use, and the next while callers change over.
MOST_LIVE_KEYS = 2


def validate_network(text: str) -> None:
    """Refuse what is neither an IP address nor a network. Raises ValidationError."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValidationError(f"{text} is neither an IP address nor a network.") from None


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
    rate_factor = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="How many times the usual number of requests a minute this partner may send.",
    )
    allowed_services = ArrayField(
        models.CharField(max_length=50),
        default=list,
        blank=True,
        help_text="Slugs of the services it may book, separated by commas; empty: all of them.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        permissions = [("use_api", "Can do at the API whatever staff may do there")]

    def __str__(self) -> str:
        return self.name

    def may_book(self, *, slug: str) -> bool:
        """Tell whether a service is among those it may book."""
        return not self.allowed_services or slug in self.allowed_services


class _PartnerKeys(APIKeyManager):
    def get_usable_keys(self) -> models.QuerySet[PartnerApiKey]:
        # Whoever shows a key is a partner, of whom all is asked at once.
        return super().get_usable_keys().select_related("partner")


class PartnerApiKey(AbstractAPIKey):
    """A hashed key of a partner; the key itself is shown once, when it is made."""

    objects: ClassVar[_PartnerKeys] = _PartnerKeys()

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope), default=list)
    addresses = ArrayField(
        models.CharField(max_length=43, validators=[validate_network]),
        default=list,
        blank=True,
        help_text="Addresses or networks it may be used from, separated by commas; empty: any.",
    )

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def clean(self) -> None:
        """Refuse a third live key: two are for the time of a rotation."""
        if self.revoked or self.partner_id is None:
            return
        others = live_keys(partner=self.partner).exclude(pk=self.pk)
        if others.count() >= MOST_LIVE_KEYS:
            raise ValidationError(
                f"{self.partner} has {MOST_LIVE_KEYS} live keys; revoke one of them first."
            )

    def is_open_to(self, *, ip: str) -> bool:
        """Tell whether the key may be used from this address."""
        if not self.addresses:
            return True
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        networks = (ipaddress.ip_network(text, strict=False) for text in self.addresses)
        return any(address in network for network in networks)


def live_keys(*, partner: Partner) -> models.QuerySet[PartnerApiKey]:
    """Give a partner's keys that open something now."""
    is_fresh = models.Q(expiry_date=None) | models.Q(expiry_date__gt=timezone.now())
    return PartnerApiKey.objects.filter(is_fresh, partner=partner, revoked=False)
