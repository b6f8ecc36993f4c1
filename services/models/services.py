"""What is sold: the services and the hours they can start and end in."""

from __future__ import annotations

import uuid
import zoneinfo

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from hmnp.core.money import show
from services.caps import online_base_cap_cents
from services.models.areas import ServiceArea

DAY_MINUTES = 1440


class Service(models.Model):
    """One thing a customer can book. Cents, minutes, miles."""

    class Type(models.TextChoices):
        MOBILE = "MOBILE", "Mobile: the notary drives to the customer"
        RON = "RON", "Remote online notarization"

    class Deposit(models.TextChoices):
        NONE = "NONE", "Nothing due at booking"
        FIXED = "FIXED", "A fixed amount, in cents"
        PERCENT = "PERCENT", "A percentage of the final price"
        FULL = "FULL", "The whole price"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    description = models.TextField(max_length=600)
    type = models.CharField(max_length=8, choices=Type)
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Order on the pages.")

    base_price_cents = models.PositiveIntegerField()
    deposit_kind = models.CharField(max_length=8, choices=Deposit)
    deposit_value = models.PositiveIntegerField(
        default=0, help_text="Cents for a fixed amount, percent for a percentage, else 0."
    )
    tax_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)

    duration_minutes = models.PositiveSmallIntegerField()
    wrap_up_minutes = models.PositiveSmallIntegerField()
    notice_minutes = models.PositiveIntegerField(help_text="No booking or move nearer than this.")
    horizon_days = models.PositiveSmallIntegerField(default=90)
    grid_minutes = models.PositiveSmallIntegerField(default=30)
    timezone = models.CharField(max_length=40, default="America/Chicago")

    included_signers = models.PositiveSmallIntegerField(default=1)
    max_signers = models.PositiveSmallIntegerField()
    included_documents = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Empty: all of them."
    )
    max_documents = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Empty: no limit."
    )

    area = models.ForeignKey(
        ServiceArea, null=True, blank=True, on_delete=models.PROTECT, related_name="services"
    )
    included_miles = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, help_text="The ride is free so far."
    )

    move_fee_cents = models.PositiveIntegerField(default=0)
    free_move_minutes = models.PositiveIntegerField(
        default=1440, help_text="A move is free until this long before the start."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "slug"]
        indexes = [models.Index(fields=["is_active", "type"], name="service_active_type")]
        constraints = [
            models.CheckConstraint(
                condition=Q(type="RON", area__isnull=True, included_miles__isnull=True)
                # The nulls are named: a check that comes to NULL passes.
                | Q(
                    type="MOBILE",
                    area__isnull=False,
                    included_miles__isnull=False,
                    included_miles__gte=0,
                ),
                name="service_area_exactly_for_mobile",
            ),
            models.CheckConstraint(
                condition=Q(deposit_kind="PERCENT", deposit_value__range=(1, 100))
                | Q(deposit_kind="FIXED", deposit_value__gt=0)
                | Q(deposit_kind__in=["NONE", "FULL"], deposit_value=0),
                name="service_deposit_value_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(included_signers__gte=1, max_signers__gte=F("included_signers")),
                name="service_signers_in_order",
            ),
            models.CheckConstraint(
                condition=Q(max_documents__isnull=True)
                | Q(included_documents__isnull=True)
                | Q(max_documents__gte=F("included_documents")),
                name="service_documents_in_order",
            ),
            models.CheckConstraint(
                condition=Q(
                    duration_minutes__gt=0,
                    grid_minutes__range=(1, DAY_MINUTES),
                    horizon_days__gt=0,
                    base_price_cents__gt=0,
                    tax_percent__range=(0, 100),
                ),
                name="service_numbers_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse in words what the database would refuse, and an unknown time zone."""
        faults: dict[str, str] = {}
        if self.type == self.Type.MOBILE and (self.area is None or self.included_miles is None):
            faults["area"] = "A mobile service needs an area and its included miles."
        if self.type == self.Type.RON and (self.area or self.included_miles is not None):
            faults["area"] = "An online service has no area and no included miles."
        if self.timezone not in zoneinfo.available_timezones():
            faults["timezone"] = "Give an IANA zone, like America/Chicago."
        if self.area and self.included_miles and self.included_miles > self.area.last_served_mile:
            faults["included_miles"] = "More than the area's last served mile."
        if (cap := self._legal_cap_cents()) is not None and self.base_price_cents > cap:
            faults["base_price_cents"] = f"The law allows at most {show(cap)} online."
        if faults:
            raise ValidationError(faults)

    def _legal_cap_cents(self) -> int | None:
        # A form leaves None where the input was no number.
        is_whole = None not in (self.base_price_cents, self.included_signers)
        if self.type != self.Type.RON or not self.is_active or not is_whole:
            return None
        return online_base_cap_cents(
            included_signers=self.included_signers,
            included_documents=self.included_documents,
            day=timezone.localdate(),
        )


class ServiceHours(models.Model):
    """When the work itself may happen on one weekday; a day may have several windows."""

    class Weekday(models.IntegerChoices):
        MONDAY = 1, "Monday"
        TUESDAY = 2, "Tuesday"
        WEDNESDAY = 3, "Wednesday"
        THURSDAY = 4, "Thursday"
        FRIDAY = 5, "Friday"
        SATURDAY = 6, "Saturday"
        SUNDAY = 7, "Sunday"

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    opens_minute = models.PositiveSmallIntegerField()
    closes_minute = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["service", "weekday", "opens_minute"]
        verbose_name_plural = "service hours"
        constraints = [
            models.UniqueConstraint(
                fields=["service", "weekday", "opens_minute"], name="service_hours_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    weekday__range=(1, 7),
                    closes_minute__gt=F("opens_minute"),
                    closes_minute__lte=DAY_MINUTES,
                ),
                name="service_hours_within_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_minute}–{self.closes_minute}"
