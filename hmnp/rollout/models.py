"""What came from V1, who still calls it, what V2 would have done, and who is shown which."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from waffle.models import AbstractUserFlag

from hmnp.rollout.states import RowState, Table, Verdict


class V1Row(models.Model):
    """One row of V1 as it was exported or reported last, and what became of it here.

    `target` is the id of the row it became or was merged into. The cents are read when the row is
    staged, apart from the import, so that the two can be compared.
    """

    table = models.CharField(max_length=20, choices=[(t.value, t.value) for t in Table])
    v1_id = models.CharField("V1 id", max_length=191)
    # The booking a payment is for; "" elsewhere.
    parent_id = models.CharField(max_length=191, blank=True)
    row = models.JSONField()
    row_hash = models.CharField(max_length=64)
    # What V1 said before it changed the row; null while it has not.
    previous = models.JSONField(null=True)
    state = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in RowState],
        default=RowState.PENDING.value,
    )
    target = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    asked_cents = models.BigIntegerField(null=True)
    paid_cents = models.BigIntegerField(default=0)
    refunded_cents = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField("first seen")
    changed_at = models.DateTimeField("last changed", null=True)

    class Meta:
        verbose_name = "V1 row"
        ordering = ["table", "id"]
        constraints = [
            models.UniqueConstraint(fields=["table", "v1_id"], name="v1row_once"),
        ]
        indexes = [
            models.Index(
                fields=["table", "state", "id"],
                condition=Q(state__in=[RowState.PENDING.value, RowState.CHANGED.value]),
                name="v1row_waiting",
            ),
            models.Index(fields=["parent_id"], condition=~Q(parent_id=""), name="v1row_parent"),
            models.Index(fields=["target"], condition=~Q(target=""), name="v1row_target"),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.v1_id}"


class ShimCall(models.Model):
    """How often an old address was called on a day, by whom, and how it was answered."""

    day = models.DateField()
    endpoint = models.CharField(max_length=60)
    caller = models.CharField(max_length=80)
    status = models.PositiveSmallIntegerField()
    calls = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField("last call")

    class Meta:
        verbose_name = "call of an old address"
        verbose_name_plural = "calls of old addresses"
        ordering = ["-day", "endpoint"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "endpoint", "caller", "status"], name="shim_call_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.endpoint} {self.calls}"


class ShadowCheck(models.Model):
    """What V2 would have said to a V1 booking: its price, and whether it would have taken it."""

    v1_row = models.OneToOneField(V1Row, on_delete=models.CASCADE, related_name="shadow")
    booking_id = models.UUIDField(null=True, db_index=True)
    verdict = models.CharField(max_length=12, choices=[(v.value, v.value) for v in Verdict])
    v1_cents = models.BigIntegerField("V1's price", null=True)
    v2_cents = models.BigIntegerField("V2's price", null=True)
    differences = models.JSONField(default=list)
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ["-checked_at"]
        indexes = [models.Index(fields=["verdict"], name="shadow_verdict")]

    def __str__(self) -> str:
        return f"{self.v1_row_id} {self.verdict}"


class Flag(AbstractUserFlag):
    """One capability's switch: on for these partners too, and for a share of visitors."""

    partners = models.ManyToManyField("accounts.Partner", blank=True, related_name="+")

    class Meta(AbstractUserFlag.Meta):
        pass
