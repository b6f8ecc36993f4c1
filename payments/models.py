"""Money asked for, taken and given back. Cents throughout; nothing about a card is kept."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from hmnp.core.money import CURRENCY, show
from payments import books as books  # its tables are this app's too
from payments.states import (
    OPEN_PAYMENTS,
    DisputeState,
    LateChoiceState,
    PaymentKind,
    PaymentMethod,
    PaymentStatus,
    RefundMethod,
    RefundState,
)

_OPEN = Q(status__in=[status.value for status in OPEN_PAYMENTS])


class Payment(models.Model):
    """One amount asked of a customer, and the one intent at the provider that collects it.

    `version` rises with every change of state, so that what was read from the provider before a
    change is never applied after it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(
        "bookings.Booking", null=True, on_delete=models.PROTECT, related_name="+"
    )
    # What is paid for while there is no booking yet; kept afterwards. Null for a balance.
    claim = models.ForeignKey(
        "bookings.SlotClaim", null=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in PaymentKind])
    method = models.CharField(
        max_length=6,
        choices=[(m.value, m.value) for m in PaymentMethod],
        default=PaymentMethod.CARD.value,
    )
    # Who of our staff took it and what they noted; "" for a card.
    recorded_by = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=200, blank=True)
    # Captured for what had been paid otherwise: it goes back, and no booking counts it.
    is_duplicate = models.BooleanField(default=False)
    status = models.CharField(
        max_length=20,
        choices=[(s.value, s.value) for s in PaymentStatus],
        default=PaymentStatus.CREATED.value,
    )
    version = models.PositiveIntegerField(default=1)
    amount_cents = models.PositiveIntegerField()
    amount_captured_cents = models.PositiveIntegerField(default=0)
    amount_refunded_cents = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=3, default=CURRENCY)

    # Sent with the create, so that repeating it finds the same intent.
    idempotency_key = models.CharField(max_length=80, unique=True)
    # Null: no call to the provider was ever begun, so there is nothing to cancel there.
    intent_requested_at = models.DateTimeField(null=True)
    # As sent with the create; a repeat must send the very same.
    intent_metadata = models.JSONField(default=dict)
    provider_intent_id = models.CharField(max_length=80, unique=True, null=True)  # noqa: DJ001 -- null: several may lack it, '' would clash
    provider_status = models.CharField(max_length=40, blank=True)
    # SHA-256 of the client secret: enough to recognise who holds it, useless to whoever reads it.
    client_secret_hash = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=60, blank=True)
    declined_attempt = models.CharField(max_length=80, blank=True)

    # Set while money that came too late waits for its time to be won again or to be refunded.
    late_since = models.DateTimeField(null=True)
    # When the sweeper looks at it again, and how often it has in vain.
    run_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["claim"], condition=_OPEN, name="payment_one_open_per_claim"
            ),
            models.UniqueConstraint(
                fields=["booking", "kind"], condition=_OPEN, name="payment_one_open_per_booking"
            ),
            models.CheckConstraint(
                name="payment_for_something",
                condition=Q(booking__isnull=False) | Q(claim__isnull=False),
            ),
            models.CheckConstraint(name="payment_positive", condition=Q(amount_cents__gt=0)),
            models.CheckConstraint(
                name="payment_refunded_within_captured",
                condition=Q(amount_refunded_cents__lte=F("amount_captured_cents")),
            ),
        ]
        indexes = [
            models.Index(fields=["booking", "status"], name="payment_booking_status"),
            models.Index(fields=["claim"], name="payment_claim"),
            models.Index(fields=["run_at"], condition=_OPEN, name="payment_open_due"),
            models.Index(
                fields=["run_at"], condition=Q(late_since__isnull=False), name="payment_late_due"
            ),
            # The desk lists the newest, and an hour's figures are derived by it.
            models.Index(fields=["created_at"], name="payment_created"),
        ]

    def __str__(self) -> str:
        return f"{show(self.amount_cents)}, {_said(self.kind)}, {_said(self.status)}"

    @property
    def is_open(self) -> bool:
        """Money may still arrive on it."""
        return self.status in OPEN_PAYMENTS


class Refund(models.Model):
    """One amount to give back of one payment; the row is the job that sends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_cents = models.PositiveIntegerField()
    # Names the occasion, so that the same occasion never refunds twice.
    reason_key = models.CharField(max_length=80)
    method = models.CharField(
        max_length=7,
        choices=[(m.value, m.value) for m in RefundMethod],
        default=RefundMethod.CARD.value,
    )
    # Who of our staff asked for it or handed it over, and why.
    recorded_by = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in RefundState],
        default=RefundState.REQUESTED.value,
    )
    provider_refund_id = models.CharField(max_length=80, unique=True, null=True)  # noqa: DJ001 -- null: several may lack it, '' would clash
    idempotency_key = models.CharField(max_length=80, unique=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    run_at = models.DateTimeField()
    requested_at = models.DateTimeField()
    # When the first call to the provider was begun; null: none was.
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(fields=["payment", "reason_key"], name="refund_once"),
            models.CheckConstraint(name="refund_positive", condition=Q(amount_cents__gt=0)),
        ]
        indexes = [
            models.Index(
                fields=["run_at"],
                condition=Q(status__in=[RefundState.REQUESTED.value, RefundState.PENDING.value]),
                name="refund_due",
            ),
            models.Index(fields=["requested_at"], name="refund_requested"),
        ]

    def __str__(self) -> str:
        return f"{show(self.amount_cents)}, {_said(self.status)}"


class LateChoice(models.Model):
    """Times kept for a customer whose money came when the booked one was gone.

    The times themselves are courtesy holds in bookings; all end with this row.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="late_choices")
    booking = models.ForeignKey("bookings.Booking", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=8,
        choices=[(s.value, s.value) for s in LateChoiceState],
        default=LateChoiceState.OPEN.value,
    )
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(state=LateChoiceState.OPEN.value),
                name="late_choice_one_open",
            ),
            models.CheckConstraint(
                name="late_choice_decided_when_closed",
                condition=Q(state=LateChoiceState.OPEN.value, decided_at__isnull=True)
                | Q(~Q(state=LateChoiceState.OPEN.value) & Q(decided_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.state}"


class Dispute(models.Model):
    """A customer's bank asks money back; while it is open no refund of the payment is sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    provider_dispute_id = models.CharField(max_length=80, unique=True)
    # Stripe's own word, beside what it means to us.
    provider_status = models.CharField(max_length=40)
    reason = models.CharField(max_length=60, blank=True)
    amount_cents = models.PositiveIntegerField()
    state = models.CharField(
        max_length=4,
        choices=[(s.value, s.value) for s in DisputeState],
        default=DisputeState.OPEN.value,
    )
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    # When the sweeper asks Stripe about an open one again.
    run_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at"]
        indexes = [
            models.Index(
                fields=["run_at"], condition=Q(state=DisputeState.OPEN.value), name="dispute_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider_dispute_id} {self.state}"


def _said(code: str) -> str:
    return code.replace("_", " ").lower()
