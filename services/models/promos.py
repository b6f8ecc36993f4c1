"""Promo codes; how often one was used is counted here, who used it in the bookings."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, OuterRef, Q

from services.models.services import Service


class PromoCodeQuerySet(models.QuerySet["PromoCode"]):
    def with_service_ids(self) -> PromoCodeQuerySet:
        """Read the services along with the code, in the same statement."""
        through = PromoCode.services.through._default_manager
        chosen = through.filter(promocode_id=OuterRef("pk")).values("service_id")
        return self.annotate(only_service_ids=ArraySubquery(chosen))


class PromoCode(models.Model):
    """A discount; `times_used` changes only under the row's lock."""

    class Kind(models.TextChoices):
        PERCENT = "PERCENT", "Percentage"
        FIXED = "FIXED", "Fixed amount"

    code = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_-]{2,40}$", "Letters, digits, - and _ only.")],
    )
    description = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=8, choices=Kind)
    percent = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal(0))
    amount_cents = models.PositiveIntegerField(default=0)
    minimum_cents = models.PositiveIntegerField(default=0)
    max_discount_cents = models.PositiveIntegerField(null=True, blank=True)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(
        null=True, blank=True, help_text="The first moment without it."
    )
    max_uses = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")
    max_uses_per_customer = models.PositiveIntegerField(
        null=True, blank=True, help_text="By e-mail address. Empty: no limit."
    )
    services = models.ManyToManyField(
        Service, blank=True, related_name="+", help_text="None chosen: all of them."
    )
    is_active = models.BooleanField(default=True)
    times_used = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromoCodeQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Z0-9_-]{2,40}$"), name="promo_code_in_capitals"
            ),
            models.CheckConstraint(
                condition=Q(kind="PERCENT", percent__gt=0, percent__lte=100, amount_cents=0)
                | Q(kind="FIXED", percent=0, amount_cents__gt=0),
                name="promo_code_value_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gt=F("valid_from")),
                name="promo_code_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Write the code in capitals, and refuse in words what the database would refuse."""
        self.code = self.code.upper()
        if self.kind == self.Kind.PERCENT:
            fits = 0 < self.percent <= 100 and not self.amount_cents
        else:
            fits = bool(self.amount_cents) and not self.percent
        if not fits:
            raise ValidationError(
                "Give a percentage (over 0, up to 100) or an amount, as the kind says."
            )
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValidationError({"valid_until": "This must be after the beginning."})

    def service_ids(self) -> frozenset[UUID]:
        """Give the services it is for; empty means all."""
        known: list[UUID] | None = self.__dict__.get("only_service_ids")
        if known is None:
            known = list(self.services.values_list("pk", flat=True))
        return frozenset(known)
