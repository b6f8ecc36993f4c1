"""How the bookings' answers look, for the OpenAPI document; a test holds them to the presenters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from bookings.models.booking import DocumentStatus, Locale
from bookings.states import BookingStatus, RefundStatus, TimelineAction
from hmnp.core.api.serializers import InstantField, MoneyField
from hmnp.core.context import ActorType
from services.api.serializers import PriceSerializer, PricingCalculationSerializer
from services.definitions import ServiceType


class SlotSerializer(serializers.Serializer[Any]):
    """A time that can be held now."""

    startTime = InstantField()
    endTime = InstantField()


@extend_schema_serializer(many=False)
class AvailabilitySerializer(serializers.Serializer[Any]):
    """The free times of some days."""

    serviceId = serializers.UUIDField()
    timezone = serializers.CharField()
    date = serializers.DateField()
    days = serializers.IntegerField()
    slots = SlotSerializer(many=True)


class HeldSlotSerializer(serializers.Serializer[Any]):
    """A hold: yours until `expiresAt`."""

    holdId = serializers.UUIDField()
    holdToken = serializers.CharField()
    serviceId = serializers.UUIDField()
    startTime = InstantField()
    endTime = InstantField()
    expiresAt = InstantField()
    maxExpiresAt = InstantField()
    serverTime = InstantField()
    timezone = serializers.CharField()
    pricing = PricingCalculationSerializer()


class BookedServiceSerializer(serializers.Serializer[Any]):
    """The service of a booking, in short."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=[kind.value for kind in ServiceType])


class CustomerOutSerializer(serializers.Serializer[Any]):
    """Who the appointment is for."""

    name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()


class AddressOutSerializer(serializers.Serializer[Any]):
    """Where the notary comes to."""

    street = serializers.CharField(allow_blank=True)
    unit = serializers.CharField(allow_null=True)
    city = serializers.CharField(allow_blank=True)
    state = serializers.CharField(allow_blank=True)
    zip = serializers.CharField()


class SignerOutSerializer(serializers.Serializer[Any]):
    """One person who signs."""

    name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField(required=False)


class NotarySerializer(serializers.Serializer[Any]):
    """Who comes."""

    name = serializers.CharField()


class RonSessionSerializer(serializers.Serializer[Any]):
    """The online session."""

    url = serializers.CharField(allow_null=True)
    status = serializers.CharField()


class CancellationSerializer(serializers.Serializer[Any]):
    """What cancelling kept and gave back."""

    reason = serializers.CharField(allow_null=True)
    cancelledBy = serializers.CharField(help_text="As `actorType` in the history.")
    tier = serializers.CharField()
    fee = MoneyField(help_text="What is really kept.")
    refundAmount = MoneyField()
    refundStatus = serializers.ChoiceField(choices=[status.value for status in RefundStatus])


class CancellationPreviewSerializer(serializers.Serializer[Any]):
    """What cancelling now would keep and give back."""

    tier = serializers.CharField()
    label = serializers.CharField(help_text="The tier in words.")  # type: ignore[assignment]  # also an attribute of every field
    fee = MoneyField(help_text="What would be kept of what was paid.")
    refundAmount = MoneyField()
    currency = serializers.CharField()


class BookingSerializer(serializers.Serializer[Any]):
    """A booking."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in BookingStatus])
    version = serializers.IntegerField()
    service = BookedServiceSerializer()
    scheduledDateTime = InstantField()
    endDateTime = InstantField()
    timezone = serializers.CharField()
    duration = serializers.IntegerField(help_text="Minutes.")
    customer = CustomerOutSerializer()
    address = AddressOutSerializer(allow_null=True)
    signers = serializers.IntegerField()
    documents = serializers.IntegerField()
    signerDetails = SignerOutSerializer(many=True)
    specialInstructions = serializers.CharField(allow_blank=True)
    locale = serializers.ChoiceField(choices=Locale.values)
    pricing = PriceSerializer()
    currency = serializers.CharField()
    amountDue = MoneyField(help_text="Due now, for the status to advance; 0 once confirmed.")
    balanceDue = MoneyField(help_text="Price less paid plus refunded.")
    amountPaid = MoneyField()
    amountRefunded = MoneyField()
    expiresAt = InstantField(allow_null=True)
    notary = NotarySerializer(allow_null=True)
    ronSession = RonSessionSerializer(allow_null=True)
    createdAt = InstantField()
    updatedAt = InstantField()
    cancelledAt = InstantField(allow_null=True)
    cancellation = CancellationSerializer(allow_null=True)


class CreatedBookingSerializer(serializers.Serializer[Any]):
    """A new booking and the token that opens it."""

    booking = BookingSerializer()
    accessToken = serializers.CharField()


@extend_schema_serializer(many=False)
class BookingListSerializer(serializers.Serializer[Any]):
    """A page of bookings."""

    data = BookingSerializer(many=True)  # type: ignore[assignment]  # DRF lifts fields off the class
    nextCursor = serializers.CharField(allow_null=True)


class TimelineEventSerializer(serializers.Serializer[Any]):
    """One fact of a booking's history."""

    action = serializers.ChoiceField(choices=[action.value for action in TimelineAction])
    actorType = serializers.ChoiceField(choices=[kind.value for kind in ActorType])
    actorId = serializers.CharField(allow_null=True)
    changes = serializers.DictField()
    metadata = serializers.DictField()
    timestamp = serializers.DateTimeField()
    ipAddress = serializers.CharField(allow_null=True, required=False)
    userAgent = serializers.CharField(allow_blank=True, required=False)


class TimelineSerializer(serializers.Serializer[Any]):
    """A booking's history, oldest first."""

    data = TimelineEventSerializer(many=True)  # type: ignore[assignment]  # DRF lifts fields off the class
    nextCursor = serializers.CharField(allow_null=True)


class DocumentSerializer(serializers.Serializer[Any]):
    """A PDF for the online session."""

    documentId = serializers.UUIDField()
    filename = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    status = serializers.ChoiceField(choices=DocumentStatus.values)


@extend_schema_serializer(many=False)
class DocumentListSerializer(serializers.Serializer[Any]):
    """The documents of a booking."""

    data = DocumentSerializer(many=True)  # type: ignore[assignment]  # DRF lifts fields off the class
    nextCursor = serializers.CharField(allow_null=True)


class DocumentUploadSerializer(serializers.Serializer[Any]):
    """A PDF of at most 30 MB."""

    file = serializers.FileField()
