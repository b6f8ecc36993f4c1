"""Who does the work, and when."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.contrib.postgres.indexes import GistIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from phonenumber_field.modelfields import PhoneNumberField

from hmnp.core import sealed

CALENDAR_PASSWORD = "calendar-password"  # noqa: S105 -- names what is sealed
_FEED_SECRET_BYTES = 32


def _english() -> list[str]:
    return ["en"]


def new_feed_secret() -> str:
    """Give a secret that nobody guesses, for the address of a notary's calendar feed."""
    return secrets.token_urlsafe(_FEED_SECRET_BYTES)


class CalendarKind(models.TextChoices):
    """Where a notary keeps appointments, and where their own busy times are read from."""

    GOOGLE = "google", "Google Calendar"
    CALDAV = "caldav", "CalDAV (Apple, Fastmail, Nextcloud, …)"
    NONE = "none", "None"


class Notary(models.Model):
    """A commissioned notary; a local day's first drive starts at `home_zip`.

    `calendar_id` is a Google calendar's id or a CalDAV collection's address; without one, the
    appointments go into the company's Google calendar, from which no busy times are read.
    """

    name = models.CharField(max_length=100)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="signs in as",
        help_text="The account with which this notary sees their own days and bookings.",
    )
    email = models.EmailField(unique=True)
    phone = PhoneNumberField(blank=True)
    home_zip = models.CharField(max_length=5)
    languages = ArrayField(models.CharField(max_length=5), default=_english)
    skills = models.ManyToManyField("services.Service", related_name="+", blank=True)
    daily_capacity = models.PositiveSmallIntegerField(default=8)
    is_active = models.BooleanField(default=True)

    calendar_kind = models.CharField(
        max_length=10, choices=CalendarKind, default=CalendarKind.GOOGLE
    )
    calendar_id = models.CharField(max_length=255, blank=True)
    calendar_user = models.CharField(max_length=150, blank=True)
    calendar_password_sealed = models.TextField(blank=True, editable=False)
    feed_secret = models.CharField(
        max_length=64, unique=True, default=new_feed_secret, editable=False
    )

    class Meta:
        verbose_name_plural = "notaries"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="notary_caldav_has_address",
                condition=~Q(calendar_kind="caldav") | ~Q(calendar_id=""),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def calendar_password(self) -> str:
        """The CalDAV password. Raises `sealed.Unreadable`."""
        return sealed.unseal(self.calendar_password_sealed, purpose=CALENDAR_PASSWORD)

    @calendar_password.setter
    def calendar_password(self, text: str) -> None:
        self.calendar_password_sealed = sealed.seal(text, purpose=CALENDAR_PASSWORD)


class NotaryHours(models.Model):
    """A window of the weekly timetable: minutes of the local day, half-open, ISO weekday."""

    notary = models.ForeignKey(Notary, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(7)]
    )
    opens_minute = models.PositiveSmallIntegerField()
    closes_minute = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "notary hours"
        ordering = ["weekday", "opens_minute"]
        constraints = [
            models.CheckConstraint(
                name="notary_hours_in_order",
                condition=Q(opens_minute__lt=F("closes_minute"), closes_minute__lte=1440),
            ),
            models.CheckConstraint(
                name="notary_hours_weekday", condition=Q(weekday__gte=1, weekday__lte=7)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.opens_minute}–{self.closes_minute}"


class NotaryDayOff(models.Model):
    """Whole local days, first and last included."""

    notary = models.ForeignKey(Notary, on_delete=models.CASCADE, related_name="days_off")
    first_day = models.DateField()
    last_day = models.DateField()
    reason = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name_plural = "notary days off"
        constraints = [
            models.CheckConstraint(
                name="day_off_in_order", condition=Q(first_day__lte=F("last_day"))
            )
        ]

    def __str__(self) -> str:
        return f"{self.first_day}–{self.last_day}"


class Blackout(models.Model):
    """Local days on which nobody works; for one service, or for all."""

    first_day = models.DateField()
    last_day = models.DateField()
    service = models.ForeignKey(
        "services.Service", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    reason = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="blackout_in_order", condition=Q(first_day__lte=F("last_day"))
            )
        ]

    def __str__(self) -> str:
        return f"{self.first_day}–{self.last_day} {self.reason}"


class BusyBlock(models.Model):
    """Time a notary's own calendar says is taken; two blocks may overlap, so no constraint."""

    notary = models.ForeignKey(Notary, on_delete=models.CASCADE, related_name="busy_blocks")
    period = DateTimeRangeField()
    source = models.CharField(max_length=30)
    external_id = models.CharField(max_length=255)
    imported_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [GistIndex(fields=["period"], name="busy_block_period")]
        constraints = [
            models.UniqueConstraint(
                fields=["notary", "source", "external_id"], name="busy_block_once"
            ),
            models.CheckConstraint(
                name="busy_block_period_not_empty", condition=Q(period__isempty=False)
            ),
            models.CheckConstraint(
                name="busy_block_period_ends",
                condition=Q(period__lower_inf=False, period__upper_inf=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"
