"""When somebody is called, and what they were told."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Severity(models.TextChoices):
    """CRITICAL: customers are hurt now. WARNING: they will be if nobody looks."""

    CRITICAL = "CRITICAL", "critical"
    WARNING = "WARNING", "warning"


class AlertRule(models.Model):
    """A threshold, as the owner sets it; how it is measured is `hmnp/desk/alert_measures.py`.

    It opens above `threshold`, measured so `open_after` times in a row with enough samples, and
    closes at or below `close_at`, measured so `close_after` times in a row.
    """

    code = models.CharField(max_length=30, primary_key=True)
    name = models.CharField(max_length=80)
    meaning = models.CharField(max_length=200)
    unit = models.CharField(max_length=12, blank=True)
    is_on = models.BooleanField("on", default=True)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    threshold = models.FloatField("opens above")
    close_at = models.FloatField("closes at or below")
    window_minutes = models.PositiveSmallIntegerField(default=15)
    min_samples = models.PositiveIntegerField("samples needed to open", default=1)
    open_after = models.PositiveSmallIntegerField("times in a row to open", default=2)
    close_after = models.PositiveSmallIntegerField("times in a row to close", default=3)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                name="alert_rule_closes_below", condition=Q(close_at__lte=F("threshold"))
            ),
            models.CheckConstraint(
                name="alert_rule_counts",
                condition=Q(open_after__gte=1, close_after__gte=1, window_minutes__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AlertWatch(models.Model):
    """How often in a row a cause was measured above its threshold, or low enough to close."""

    cause = models.CharField(max_length=80, primary_key=True)
    over = models.PositiveIntegerField(default=0)
    under = models.PositiveIntegerField(default=0)
    value = models.FloatField(default=0)
    samples = models.PositiveIntegerField(default=0)
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.cause}: {self.value}"


class Alert(models.Model):
    """Something is wrong, from when it was noticed until it is over; never edited or deleted.

    `cause` is the rule, and of what: `INTEGRATION_FAILURES:ghl`. One is open for each.
    """

    rule = models.ForeignKey(AlertRule, on_delete=models.PROTECT, related_name="+")
    cause = models.CharField(max_length=80)
    severity = models.CharField(max_length=8, choices=Severity)
    summary = models.CharField(max_length=300)
    threshold = models.FloatField()
    opened_value = models.FloatField()
    worst_value = models.FloatField()
    last_value = models.FloatField()
    opened_at = models.DateTimeField("since")
    closed_at = models.DateTimeField("over", null=True)
    closed_how = models.CharField(max_length=200, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause"], condition=Q(closed_at__isnull=True), name="alert_open_once"
            )
        ]
        indexes = [models.Index(fields=["-opened_at"], name="alert_opened")]

    def __str__(self) -> str:
        return self.summary


class Occasion(models.TextChoices):
    OPENED = "OPENED", "opened"
    CLOSED = "CLOSED", "closed"


class Channel(models.TextChoices):
    MAIL = "MAIL", "mail"
    WEBHOOK = "WEBHOOK", "webhook"


class NoticeState(models.TextChoices):
    READY = "READY", "waits"
    SENT = "SENT", "sent"
    DEAD = "DEAD", "given up"


class AlertNotice(models.Model):
    """One message about an alert that opened or closed; the row is the job that sends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notices")
    occasion = models.CharField(max_length=6, choices=Occasion)
    channel = models.CharField(max_length=7, choices=Channel)
    state = models.CharField(max_length=5, choices=NoticeState, default=NoticeState.READY)
    run_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "occasion", "channel"], name="alert_notice_once"
            )
        ]
        indexes = [
            models.Index(fields=["run_at"], condition=Q(state="READY"), name="alert_notice_due")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.occasion} {self.state}"
