"""What waits for a person; the alerts' and the metrics' tables are this app's too."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from hmnp.core.cases import CaseKind
from hmnp.desk.alert_models import Alert as Alert
from hmnp.desk.alert_models import AlertNotice as AlertNotice
from hmnp.desk.alert_models import AlertRule as AlertRule
from hmnp.desk.alert_models import AlertWatch as AlertWatch
from hmnp.desk.case_models import CaseDeed as CaseDeed
from hmnp.desk.metric_models import MetricBucket as MetricBucket
from hmnp.desk.metric_models import Reading as Reading
from hmnp.desk.wording import kind_in_words


class Case(models.Model):
    """One thing a person must decide, until it is closed by a person or settled by the system."""

    kind = models.CharField(max_length=30, choices=[(kind.value, kind.value) for kind in CaseKind])
    # Names the occasion, so that it is one case however often it is noticed.
    key = models.CharField(max_length=120)
    subject = models.CharField(max_length=120)
    booking_id = models.UUIDField(null=True, db_index=True)
    summary = models.CharField(max_length=300)
    repair = models.CharField("suggested repair", max_length=60, blank=True)
    details = models.JSONField(default=dict)
    opened_at = models.DateTimeField("since")
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    taken_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_how = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(closed_at__isnull=True), name="case_open_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["opened_at"], condition=Q(closed_at__isnull=True), name="case_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{kind_in_words(self.kind)}: {self.subject}"
