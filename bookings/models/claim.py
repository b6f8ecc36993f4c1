"""A notary's time, claimed: held, being paid for, or booked. One row from hold to booking."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from bookings.states import LIVE_CLAIM_STATES, ClaimState

_LIVE = Q(state__in=[state.value for state in LIVE_CLAIM_STATES])


class SlotClaim(models.Model):
    """One notary for one period; only `bookings/claims.py` creates, moves or ends one.

    `period` is the inbound drive, the service and the wrap-up; the database lets no two live
    claims of a notary overlap.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notary = models.ForeignKey("bookings.Notary", on_delete=models.PROTECT, related_name="claims")
    service = models.ForeignKey("services.Service", on_delete=models.PROTECT, related_name="+")
    booking = models.ForeignKey(
        "bookings.Booking", null=True, on_delete=models.PROTECT, related_name="claims"
    )
    state = models.CharField(max_length=8, choices=[(s.value, s.value) for s in ClaimState])
    period = DateTimeRangeField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    wrap_up_minutes = models.PositiveSmallIntegerField()
    # Where the work is done: the customer's ZIP, or the notary's home for remote work.
    place_zip = models.CharField(max_length=5)

    # Null once booked.
    expires_at = models.DateTimeField(null=True)
    max_expires_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField()

    holder_key = models.CharField(max_length=80)
    token_generation = models.PositiveIntegerField(default=1)
    token_key_id = models.CharField(max_length=40)
    token_hash = models.CharField(max_length=64)

    # What the hold was priced for; frozen for good by the first payment intent.
    customer_zip = models.CharField(max_length=5, blank=True)
    signers = models.PositiveSmallIntegerField(default=1)
    documents = models.PositiveSmallIntegerField(default=1)
    promo_code = models.CharField(max_length=40, blank=True)
    is_emergency = models.BooleanField(default=False)
    pricing = models.JSONField(default=dict)
    intent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="claim_no_overlap",
                index_type="GIST",
                # The embedded PostgreSQL ships no btree_gist, hence a range of one id.
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
                condition=_LIVE,
            ),
            models.UniqueConstraint(
                fields=["booking"], condition=_LIVE, name="claim_one_live_per_booking"
            ),
            models.CheckConstraint(name="claim_in_order", condition=Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(
                name="claim_period_covers_service",
                condition=Q(
                    period__contains=Func(
                        F("starts_at"),
                        F("ends_at"),
                        function="tstzrange",
                        output_field=DateTimeRangeField(),
                    )
                ),
            ),
            models.CheckConstraint(
                name="claim_period_half_open",
                condition=Q(period__lower_inc=True, period__upper_inc=False),
            ),
            models.CheckConstraint(
                name="claim_of_somebody", condition=Q(signers__gte=1, documents__gte=1)
            ),
            models.CheckConstraint(
                name="claim_open_ends",
                condition=Q(state=ClaimState.BOOKED.value)
                | Q(state__in=[ClaimState.RELEASED.value, ClaimState.EXPIRED.value])
                | Q(expires_at__isnull=False, max_expires_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["notary", "starts_at"], condition=_LIVE, name="claim_notary_live"),
            models.Index(fields=["starts_at"], condition=_LIVE, name="claim_starts_live"),
            models.Index(
                fields=["expires_at"],
                condition=Q(
                    state__in=[
                        ClaimState.HELD.value,
                        ClaimState.PAYING.value,
                        ClaimState.CLOSING.value,
                    ]
                ),
                name="claim_expiring",
            ),
            models.Index(
                fields=["holder_key"],
                condition=Q(state=ClaimState.HELD.value),
                name="claim_holder_held",
            ),
            # The desk lists the newest, and an hour's figures are derived by it.
            models.Index(fields=["held_at"], name="claim_held"),
        ]

    # The database's clock when the claim was read under its notary's lock (`bookings.locks`).
    read_at: datetime | None = None
    # Told with a claim that was just made; else it is the notary's row that knows.
    notary_name: str = ""

    def __str__(self) -> str:
        return f"{self.state} {self.starts_at:%Y-%m-%d %H:%M}Z"
