"""Where mobile work is done and what the ride there costs."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q


class ServiceArea(models.Model):
    """A circle around a centre; beyond `last_served_mile` nobody drives."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    centre_zip = models.CharField(
        max_length=5, help_text="What the centre is; the coordinates below are what counts."
    )
    centre_lat = models.DecimalField(
        max_digits=8,
        decimal_places=5,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
    )
    centre_lng = models.DecimalField(
        max_digits=8,
        decimal_places=5,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
    )
    last_served_mile = models.DecimalField(max_digits=5, decimal_places=2)
    per_mile_cents = models.PositiveIntegerField(
        default=0, help_text="Each mile beyond the included ones; used only without bands."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_served_mile__gt=0), name="area_served_mile_positive"
            ),
            models.CheckConstraint(
                condition=Q(centre_lat__range=(-90, 90), centre_lng__range=(-180, 180)),
                name="area_centre_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TravelBand(models.Model):
    """A flat fee for distances over one mile mark, up to and including another."""

    area = models.ForeignKey(ServiceArea, on_delete=models.CASCADE, related_name="bands")
    over_miles = models.DecimalField(max_digits=5, decimal_places=2)
    up_to_miles = models.DecimalField(max_digits=5, decimal_places=2)
    fee_cents = models.PositiveIntegerField()

    class Meta:
        ordering = ["area", "over_miles"]
        constraints = [
            models.UniqueConstraint(fields=["area", "over_miles"], name="band_once"),
            models.CheckConstraint(
                condition=Q(over_miles__gte=0, up_to_miles__gt=F("over_miles")),
                name="band_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"over {self.over_miles} up to {self.up_to_miles} miles"
