"""What changes a price or a booking: surcharges, fees set by law, cancelling, outside systems."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from hmnp.core.money import show
from services.caps import online_rule_cap_cents, rate_cap_cents
from services.definitions import IntegrationName, RateCode, RuleCode, TierCode
from services.models.services import DAY_MINUTES, Service


def _choices(
    codes: type[RuleCode | RateCode | TierCode | IntegrationName],
) -> list[tuple[str, str]]:
    return [(code.value, code.value.replace("_", " ").capitalize()) for code in codes]


class PriceRule(models.Model):
    """One surcharge of one service, by the wall clock of the appointment's start."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="rules")
    code = models.CharField(max_length=20, choices=_choices(RuleCode))
    label = models.CharField(max_length=80)
    amount_cents = models.PositiveIntegerField()
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        blank=True,
        help_text="1 is Monday; empty: every day.",
    )
    before_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    from_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    within_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="Emergency: so long before the start, or less."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["service", "code"]
        constraints = [
            models.UniqueConstraint(fields=["service", "code"], name="price_rule_once"),
            models.CheckConstraint(
                condition=Q(
                    weekdays__contained_by=[1, 2, 3, 4, 5, 6, 7],
                ),
                name="price_rule_weekdays_exist",
            ),
            models.CheckConstraint(
                condition=(
                    (Q(before_minute__isnull=True) | Q(before_minute__lte=DAY_MINUTES))
                    & (Q(from_minute__isnull=True) | Q(from_minute__lte=DAY_MINUTES))
                ),
                name="price_rule_within_a_day",
            ),
            models.CheckConstraint(
                condition=Q(within_minutes__isnull=False, within_minutes__gt=0)
                | (Q(within_minutes__isnull=True) & ~Q(code=RuleCode.EMERGENCY.value)),
                name="price_rule_emergency_has_a_span",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """Refuse an emergency without a span, and what online is above the legal maximum."""
        if self.code == RuleCode.EMERGENCY and not self.within_minutes:
            raise ValidationError({"within_minutes": "An emergency is so many minutes or less."})
        # A form leaves None where the input was no number, and no code where it was no choice.
        is_whole = self.code in RuleCode.__members__ and self.amount_cents is not None
        is_online = hasattr(self, "service") and self.service.type == Service.Type.RON
        if self.is_active and is_whole and is_online:
            cap = online_rule_cap_cents(code=self.code, day=timezone.localdate())
            if self.amount_cents > cap:
                fault = f"The law allows at most {show(cap)} online."
                raise ValidationError({"amount_cents": fault})


class StatutoryRate(models.Model):
    """A fee set by law (Texas Gov. Code 406.024 and 406.111), in force from a day on."""

    code = models.CharField(max_length=24, choices=_choices(RateCode))
    amount_cents = models.PositiveIntegerField()
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True, help_text="The first day without it.")
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["code", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="statutory_rate_once"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="statutory_rate_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} from {self.valid_from}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, then end the rate before this one, so that no day is ever without."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            for previous in StatutoryRate.objects.filter(
                code=self.code, valid_from__lt=self.valid_from, valid_until__isnull=True
            ):
                previous.valid_until = self.valid_from
                previous.save(update_fields=["valid_until"])

    def clean(self) -> None:
        """Refuse a span that overlaps another of the same code, and more than the law allows.

        One that began earlier and has no end is ended by this one (see `save`).
        """
        if self.valid_from is None:
            # A form leaves None where the input was no date.
            return  # type: ignore[unreachable]  # so typed, but see above
        others = StatutoryRate.objects.filter(code=self.code).exclude(pk=self.pk)
        others = others.filter(
            Q(valid_until__isnull=True, valid_from__gte=self.valid_from)
            | Q(valid_until__gt=self.valid_from)
        )
        if self.valid_until is not None:
            others = others.filter(valid_from__lt=self.valid_until)
        if others.exists():
            raise ValidationError("Another rate of this kind is in force on some of these days.")
        cap = rate_cap_cents(
            code=self.code, valid_from=self.valid_from, valid_until=self.valid_until
        )
        if cap is None:
            raise ValidationError({"valid_from": "No law is known for these days."})
        if self.amount_cents is not None and self.amount_cents > cap:
            raise ValidationError({"amount_cents": f"The law allows at most {show(cap)}."})


class CancellationTier(models.Model):
    """What a cancelled or missed appointment keeps; the last threshold reached applies."""

    service = models.ForeignKey(
        Service, on_delete=models.CASCADE, related_name="cancellation_tiers"
    )
    code = models.CharField(max_length=20, choices=_choices(TierCode))
    label = models.CharField(max_length=120)
    min_minutes_before = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: not by time (no-show, cancelled by us)."
    )
    kept_cents = models.PositiveIntegerField()
    keeps_travel_fee = models.BooleanField(default=False)

    class Meta:
        ordering = ["service", F("min_minutes_before").desc(nulls_last=True), "code"]
        constraints = [
            models.UniqueConstraint(fields=["service", "code"], name="cancellation_tier_once"),
            models.UniqueConstraint(
                fields=["service", "min_minutes_before"], name="cancellation_threshold_once"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ServiceIntegration(models.Model):
    """An outside system that has to know about every booking of a service."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="integrations")
    name = models.CharField(max_length=24, choices=_choices(IntegrationName))
    required = models.BooleanField(default=True)
    priority = models.PositiveSmallIntegerField(default=1, help_text="1 goes first.")
    max_attempts = models.PositiveSmallIntegerField(default=80)
    give_up_after_hours = models.PositiveSmallIntegerField(default=72)
    rollback_action = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["service", "priority", "name"]
        constraints = [
            models.UniqueConstraint(fields=["service", "name"], name="service_integration_once"),
            models.CheckConstraint(
                condition=Q(max_attempts__gt=0, give_up_after_hours__gt=0),
                name="service_integration_tries",
            ),
        ]

    def __str__(self) -> str:
        return self.name
