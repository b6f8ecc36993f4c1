"""The books: double entry of every movement of money, and where Stripe's records differ."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from payments.states import Account, MismatchKind


class LedgerEntry(models.Model):
    """One side of one movement; cents, debits positive, credits negative.

    The rows of a `group_id` sum to 0, and no row is ever changed or deleted: the database refuses
    both. A mistake is corrected by a movement of its own.
    """

    group_id = models.UUIDField()
    # Names the fact behind the group, so that it is posted once.
    movement = models.CharField(max_length=80)
    account = models.CharField(max_length=8, choices=[(a.value, a.value) for a in Account])
    amount_cents = models.BigIntegerField()
    payment = models.ForeignKey("payments.Payment", on_delete=models.PROTECT, related_name="+")
    refund = models.ForeignKey(
        "payments.Refund", null=True, on_delete=models.PROTECT, related_name="+"
    )
    # As it was then: money on a hold has none yet, and is found by its payment later.
    booking_id = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(fields=["movement", "account"], name="ledger_posted_once"),
            models.CheckConstraint(name="ledger_not_nothing", condition=~Q(amount_cents=0)),
        ]
        indexes = [
            models.Index(fields=["group_id"], name="ledger_group"),
            models.Index(fields=["occurred_at"], name="ledger_occurred"),
        ]

    def __str__(self) -> str:
        return f"{self.movement} {self.account} {self.amount_cents}"


class Mismatch(models.Model):
    """One difference between Stripe's records and ours, until a later look finds it gone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The kind and the object, so that it is one row however often it is seen.
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in MismatchKind])
    # What is looked at again, such as `intent:pi_…`.
    subject = models.CharField(max_length=100)
    detail = models.CharField(max_length=300)
    repair = models.CharField(max_length=40)
    booking_id = models.UUIDField(null=True)
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_how = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-found_at"]
        verbose_name_plural = "mismatches"
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(resolved_at__isnull=True), name="mismatch_open_once"
            )
        ]
        indexes = [models.Index(fields=["key"], name="mismatch_key")]

    def __str__(self) -> str:
        return self.key
