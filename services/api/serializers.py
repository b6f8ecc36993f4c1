"""What the catalogue's endpoints take and give. The answers are written by `services.presenters`;
their serializers describe them in the schema, and a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from hmnp.core.api.serializers import (
    InstantField,
    MoneyField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)
from services.api.fields import AddressSerializer, ZipField
from services.definitions import DepositKind, ServiceType
from services.pricing import LineType


class PricingQuerySerializer(StrictSerializer):
    """What a price is asked for; a street address never goes into a URL."""

    serviceId = StrictCharField(max_length=60, help_text="A service's id or slug.")
    scheduledDateTime = InstantField(help_text="When it starts, with an offset.")
    zip = ZipField(required=False, help_text="Required for MOBILE, refused for RON.")
    promoCode = StrictCharField(max_length=40, required=False)
    signers = serializers.IntegerField(min_value=1, max_value=1000, default=1)
    documents = serializers.IntegerField(min_value=1, max_value=1000, default=1)


class PricingBodySerializer(PricingQuerySerializer):
    """The same with the whole address, or with the ZIP code alone."""

    address = AddressSerializer(required=False, help_text="Instead of `zip`.")
    signers = StrictIntegerField(min_value=1, max_value=1000, default=1)
    documents = StrictIntegerField(min_value=1, max_value=1000, default=1)


class PriceLineSerializer(serializers.Serializer[Any]):
    """One row of a price."""

    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the contract's name
    type = serializers.ChoiceField(choices=[kind.value for kind in LineType])
    amount = MoneyField(help_text="Negative for a discount.")


class PriceSerializer(serializers.Serializer[Any]):
    """A price in dollars; `finalPrice` is the sum of the breakdown, to the cent."""

    basePrice = MoneyField()
    extraSigners = MoneyField()
    extraDocuments = MoneyField()
    travelFee = MoneyField()
    timeSurcharge = MoneyField()
    emergencyFee = MoneyField()
    moveFee = MoneyField(help_text="0 in a quote.")
    promoDiscount = MoneyField()
    taxes = MoneyField()
    finalPrice = MoneyField()
    depositRequired = MoneyField(help_text="The amount due now.")
    breakdown = PriceLineSerializer(many=True)
    distanceMiles = serializers.FloatField(allow_null=True)
    currency = serializers.CharField()


class PricingCalculationSerializer(PriceSerializer):
    """A price with the signed promise to honour it."""

    serviceId = serializers.UUIDField()
    quoteToken = serializers.CharField()
    expiresAt = InstantField()


class DepositRuleSerializer(serializers.Serializer[Any]):
    """What is due at booking."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in DepositKind])
    value = serializers.FloatField(help_text="Percent of the price, or dollars when FIXED.")


class PointSerializer(serializers.Serializer[Any]):
    """Degrees, WGS 84."""

    lat = serializers.FloatField()
    lng = serializers.FloatField()


class TravelBandSerializer(serializers.Serializer[Any]):
    """A flat fee over one mile mark, up to and including another."""

    overMiles = serializers.FloatField()
    upToMiles = serializers.FloatField()
    fee = MoneyField()


class ServiceAreaSerializer(serializers.Serializer[Any]):
    """Where a mobile service goes; miles from the centre."""

    centerPoint = PointSerializer()
    standardRadius = serializers.FloatField(help_text="The ride is free so far.")
    extendedRadius = serializers.FloatField(help_text="The last served mile.")
    travelFeeRate = MoneyField(help_text="A mile beyond standardRadius, without bands.")
    travelBands = TravelBandSerializer(many=True)


class ServiceHoursSerializer(serializers.Serializer[Any]):
    """When the work itself may happen, by the service's wall clock."""

    weekday = serializers.IntegerField(min_value=1, max_value=7, help_text="1 is Monday.")
    opens = serializers.CharField(help_text="HH:MM")
    closes = serializers.CharField(help_text="HH:MM, at most 24:00")


class BusinessRuleSerializer(serializers.Serializer[Any]):
    """A rule of booking, price or cancelling."""

    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the contract's name
    kind = serializers.ChoiceField(
        choices=[
            "LEAD_TIME",
            "HORIZON",
            "SURCHARGE",
            "EXTRA_SIGNER",
            "EXTRA_DOCUMENT",
            "CANCEL_TIER",
        ]
    )
    value = serializers.FloatField()
    unit = serializers.ChoiceField(choices=["minutes", "days", "USD"])


class RetryPolicySerializer(serializers.Serializer[Any]):
    """How hard we try before a person is called."""

    maxAttempts = serializers.IntegerField()
    giveUpAfterHours = serializers.IntegerField()


class IntegrationSerializer(serializers.Serializer[Any]):
    """An outside system that a booking of the service shows up in."""

    name = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # the contract's name
    priority = serializers.IntegerField()
    retryPolicy = RetryPolicySerializer()
    rollbackAction = serializers.CharField(allow_null=True)


class ServiceDefinitionSerializer(serializers.Serializer[Any]):
    """One service of the catalogue."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    type = serializers.ChoiceField(choices=[kind.value for kind in ServiceType])
    basePrice = MoneyField()
    depositRequired = serializers.BooleanField()
    depositAmount = MoneyField(help_text="Due now on the base price alone.")
    depositRule = DepositRuleSerializer()
    duration = serializers.IntegerField(help_text="Minutes.")
    maxSigners = serializers.IntegerField()
    maxDocuments = serializers.IntegerField(allow_null=True)
    serviceArea = ServiceAreaSerializer(allow_null=True)
    hours = ServiceHoursSerializer(many=True)
    businessRules = BusinessRuleSerializer(many=True)
    integrations = IntegrationSerializer(many=True)
    timezone = serializers.CharField()
    currency = serializers.CharField()


@extend_schema_serializer(many=False)
class ServiceListSerializer(serializers.Serializer[Any]):
    """The services on offer, on one page."""

    data = ServiceDefinitionSerializer(many=True)  # type: ignore[assignment]  # the contract's
    nextCursor = serializers.CharField(allow_null=True)
