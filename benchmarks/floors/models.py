"""The tables of the least booking there is; the exclusion constraint is the product's own."""

from __future__ import annotations

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

LIVE = ("HELD", "BOOKED")


class Claim(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    notary_id = models.BigIntegerField()
    state = models.CharField(max_length=8)
    period = DateTimeRangeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="floor_no_overlap",
                index_type="GIST",
                expressions=[
                    (
                        Func(
                            F("notary_id"),
                            F("notary_id"),
                            Value("[]"),
                            function="int8range",
                            output_field=BigIntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    ("period", RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=LIVE),
            )
        ]
        indexes = [
            models.Index(
                fields=["notary_id", "expires_at"], condition=Q(state="HELD"), name="floor_held"
            )
        ]

    def __str__(self) -> str:
        return self.state


class Booking(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    claim = models.OneToOneField(Claim, on_delete=models.PROTECT)
    customer_name = models.CharField(max_length=100)
    customer_email = models.EmailField()
    price_cents = models.PositiveIntegerField()
    pricing = models.JSONField()
    status = models.CharField(max_length=15)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.status


class Payment(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT)
    amount_cents = models.PositiveIntegerField()
    status = models.CharField(max_length=15)

    def __str__(self) -> str:
        return self.status


class Outbox(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT)
    destination = models.CharField(max_length=20)
    run_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.destination


class Audit(models.Model):
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT)
    action = models.CharField(max_length=20)
    changes = models.JSONField()
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.action
