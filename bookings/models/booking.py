"""What a customer booked. Money in cents; the price is a snapshot that never changes by itself."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Reverse
from phonenumber_field.modelfields import PhoneNumberField

from bookings.states import CLOSED_WITHOUT_SERVICE, BookingStatus, RefundStatus


class Locale(models.TextChoices):
    EN = "en", "English"
    ES = "es", "Spanish"


@dataclass(frozen=True)
class Shown:
    """What the contract shows of a booking's service and notary."""

    service_id: uuid.UUID
    service_slug: str
    service_name: str
    service_type: str
    notary_name: str | None


class Booking(models.Model):
    """An appointment from the moment it is created; never deleted.

    `amount_paid_cents` and `amount_refunded_cents` are written only by `record_payment` and
    `record_refund`. `version` rises by one with every change.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=12, unique=True)
    status = models.CharField(max_length=15, choices=[(s.value, s.value) for s in BookingStatus])
    version = models.PositiveIntegerField(default=1)
    service = models.ForeignKey("services.Service", on_delete=models.PROTECT, related_name="+")
    notary = models.ForeignKey(
        "bookings.Notary", null=True, on_delete=models.PROTECT, related_name="bookings"
    )
    partner = models.ForeignKey(
        "accounts.Partner", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    timezone = models.CharField(max_length=40)

    customer_name = models.CharField(max_length=100)
    customer_email = models.EmailField()
    customer_phone = PhoneNumberField()
    street = models.CharField(max_length=120, blank=True)
    unit = models.CharField(max_length=40, blank=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=2, blank=True)
    zip_code = models.CharField(max_length=5, blank=True)
    signers = models.PositiveSmallIntegerField(default=1)
    documents = models.PositiveSmallIntegerField(default=1)
    signer_details = models.JSONField(default=list)
    special_instructions = models.CharField(max_length=500, blank=True)
    locale = models.CharField(max_length=2, choices=Locale, default=Locale.EN)

    # The priced lines as agreed (services.pricing snapshot) and what they add up to.
    pricing = models.JSONField()
    price_cents = models.PositiveIntegerField()
    # What must be paid before the booking is confirmed, as of the first intent.
    due_now_cents = models.PositiveIntegerField()
    promo_code = models.CharField(max_length=40, blank=True)
    is_emergency = models.BooleanField(default=False)
    move_fee_cents = models.PositiveIntegerField(default=0)
    amount_paid_cents = models.PositiveIntegerField(default=0)
    amount_refunded_cents = models.PositiveIntegerField(default=0)
    deposit_waived_reason = models.CharField(max_length=200, blank=True)

    # The cancellation tiers the booking was made under, and the earliest start they are judged by.
    policy = models.JSONField()
    tier_starts_at = models.DateTimeField()

    terms_version = models.CharField(max_length=20)
    terms_accepted_at = models.DateTimeField()
    terms_ip = models.GenericIPAddressField(null=True)
    sms_consent_at = models.DateTimeField(null=True)
    sms_consent_ip = models.GenericIPAddressField(null=True)

    access_generation = models.PositiveIntegerField(default=1)
    access_key_id = models.CharField(max_length=40)
    access_hash = models.CharField(max_length=64)

    ron_join_url = models.URLField(max_length=2000, blank=True)
    ron_status = models.CharField(max_length=40, blank=True)

    expires_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=10, blank=True)
    cancel_reason = models.CharField(max_length=200, blank=True)
    cancel_tier = models.CharField(max_length=30, blank=True)
    cancel_kept_cents = models.PositiveIntegerField(default=0)
    cancel_refund_cents = models.PositiveIntegerField(default=0)
    refund_status = models.CharField(
        max_length=10,
        choices=[(s.value, s.value) for s in RefundStatus],
        default=RefundStatus.NONE.value,
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # When it was taken over from the system before this one; what had happened by then was told
    # there. While `is_told_elsewhere`, that system still reminds the customer.
    imported_at = models.DateTimeField(null=True, editable=False)
    is_told_elsewhere = models.BooleanField(default=False, db_default=False, editable=False)

    # Known to whoever has just made the booking; else `to_show` asks its rows.
    shown: Shown | None = None

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                name="booking_in_order", condition=Q(starts_at__lt=F("ends_at"))
            ),
            models.CheckConstraint(
                name="booking_of_somebody", condition=Q(signers__gte=1, documents__gte=1)
            ),
            models.CheckConstraint(
                name="booking_refunded_within_paid",
                condition=Q(amount_refunded_cents__lte=F("amount_paid_cents")),
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at"], name="booking_starts"),
            models.Index(fields=["service", "status"], name="booking_service_status"),
            models.Index(fields=["updated_at", "id"], name="booking_updated"),
            models.Index(fields=["partner", "updated_at", "id"], name="booking_partner_updated"),
            models.Index(fields=["customer_email"], name="booking_email"),
            models.Index(
                fields=["starts_at"],
                condition=Q(is_told_elsewhere=True),
                name="booking_told_elsewhere",
            ),
            models.Index(fields=["status", "starts_at"], name="booking_status_starts"),
            models.Index(
                fields=["starts_at"],
                condition=Q(refund_status=RefundStatus.PENDING.value),
                name="booking_refund_pending",
            ),
            # `bookings/search.py` asks in the very words of the next three.
            models.Index(
                OpClass(Lower("customer_email"), name="text_pattern_ops"),
                name="booking_email_search",
            ),
            models.Index(
                OpClass(Reverse("customer_phone"), name="text_pattern_ops"),
                name="booking_phone_search",
            ),
            GinIndex(SearchVector("customer_name", config="simple"), name="booking_name_search"),
        ]
        permissions = [("export_booking", "Can export bookings")]

    def __str__(self) -> str:
        return self.reference

    @property
    def zone(self) -> ZoneInfo:
        """The zone the appointment is kept in."""
        return ZoneInfo(self.timezone)

    def to_show(self) -> Shown:
        """Give what is shown of its service and notary."""
        return self.shown or Shown(
            service_id=self.service.pk,
            service_slug=self.service.slug,
            service_name=self.service.name,
            service_type=self.service.type,
            notary_name=self.notary.name if self.notary else None,
        )

    @property
    def net_paid_cents(self) -> int:
        """What we hold of the customer's money, in cents."""
        return self.amount_paid_cents - self.amount_refunded_cents

    @property
    def amount_due_cents(self) -> int:
        """What is due now for the status to advance; 0 once confirmed."""
        if self.status != BookingStatus.PENDING_PAYMENT:
            return 0
        return max(self.due_now_cents - self.net_paid_cents, 0)

    @property
    def balance_due_cents(self) -> int:
        """Price less what was paid, plus what was refunded; 0 once closed without service."""
        if self.status in CLOSED_WITHOUT_SERVICE:
            return 0
        return max(self.price_cents - self.net_paid_cents, 0)


class PromoRedemption(models.Model):
    """A promo code used by one booking; released when it ends unpaid."""

    booking = models.OneToOneField(Booking, on_delete=models.PROTECT, related_name="redemption")
    promo = models.ForeignKey("services.PromoCode", on_delete=models.PROTECT, related_name="+")
    customer_email = models.EmailField()
    redeemed_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["promo", "customer_email"],
                condition=Q(released_at__isnull=True),
                name="redemption_live",
            )
        ]

    def __str__(self) -> str:
        return f"{self.promo_id} {self.booking_id}"


class DocumentStatus(models.TextChoices):
    STORED = "STORED", "Stored"
    DELETED = "DELETED", "Deleted"


class BookingDocument(models.Model):
    """A PDF for a remote session, kept outside the web root until 30 days after completion."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="files")
    filename = models.CharField(max_length=200)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_name = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=DocumentStatus, default=DocumentStatus.STORED)
    uploaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.filename
