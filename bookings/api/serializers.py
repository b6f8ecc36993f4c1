"""What the bookings' endpoints take. The answers are written by `bookings.presenters`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from phonenumber_field.phonenumber import PhoneNumber
from phonenumber_field.serializerfields import PhoneNumberField
from rest_framework import serializers

from bookings.models.booking import Locale
from bookings.states import BookingStatus
from hmnp.core.api.serializers import (
    CalendarDateField,
    InstantField,
    MoneyField,
    ShortListField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)
from services.api.fields import AddressSerializer, ZipField


class CountField(StrictIntegerField):
    """How many signers or documents; the service's own maximum is judged with the service."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=1000, default=1, **kwargs)


@extend_schema_field({"type": "boolean", "enum": [True]})
class AcceptedField(StrictBooleanField):
    """A consent that must be given: only true will do."""

    def to_internal_value(self, data: Any) -> bool:
        """Give True."""
        if super().to_internal_value(data) is not True:
            raise serializers.ValidationError("This must be accepted.", code="not_accepted")
        return True


class ValidPhone(PhoneNumber):
    """A number that was found valid: asking again takes longer than writing it, each time."""

    def is_valid(self) -> bool:
        """Tell what is known."""
        return True


@extend_schema_field({"type": "string", "minLength": 10, "maxLength": 40})
class PlainPhoneField(PhoneNumberField):
    """A phone number in any usual form; E.164 inside."""

    def to_internal_value(self, data: Any) -> Any:
        """Give the number."""
        if not isinstance(data, str) or len(data) > 40:
            raise serializers.ValidationError(self.error_messages["invalid"], code="invalid")
        number = ValidPhone()
        number.merge_from(super().to_internal_value(data))
        return number


class StrictEmailField(serializers.EmailField):
    """An e-mail address as JSON text."""

    def to_internal_value(self, data: Any) -> str:
        """Give the address, trimmed."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class SignerSerializer(StrictSerializer):
    """One person who signs."""

    name = StrictCharField(min_length=2, max_length=100)
    email = StrictEmailField(max_length=254)
    phone = PlainPhoneField(region="US", required=False)

    def to_internal_value(self, data: Any) -> Any:
        """Give the signer as it is kept, the phone in E.164."""
        value = super().to_internal_value(data)
        return {name: str(part) for name, part in value.items()}


class HoldSerializer(StrictSerializer):
    """What to hold: a service at a time, for a place if it is MOBILE."""

    serviceId = StrictCharField(max_length=60, help_text="A service's id or slug.")
    startTime = InstantField(help_text="One of the free starts, with an offset.")
    zip = ZipField(required=False, help_text="For MOBILE; or `address`.")
    address = AddressSerializer(required=False, help_text="For MOBILE; or `zip`.")
    signers = CountField()
    documents = CountField()
    promoCode = StrictCharField(max_length=40, required=False)
    quoteToken = StrictCharField(max_length=4000, required=False)
    holdToken = StrictCharField(
        max_length=300, required=False, help_text="Moves or resumes the hold it belongs to."
    )


class CustomerSerializer(StrictSerializer):
    """The part of a booking a customer may edit; what `PUT` replaces."""

    customerName = StrictCharField(min_length=2, max_length=100)
    customerEmail = StrictEmailField(max_length=254)
    customerPhone = PlainPhoneField(region="US")
    address = AddressSerializer(required=False, help_text="Required for MOBILE, refused for RON.")
    signers = CountField()
    documents = CountField()
    signerDetails = ShortListField(child=SignerSerializer(), default=list, max_length=20)
    specialInstructions = StrictCharField(
        has_lines=True, max_length=500, required=False, allow_blank=True, default=""
    )
    scheduledDateTime = InstantField()


class BookingCreateSerializer(CustomerSerializer):
    """A booking to make, from a hold or by claiming the time itself."""

    serviceId = StrictCharField(max_length=60, help_text="A service's id or slug.")
    promoCode = StrictCharField(max_length=40, required=False)
    termsAccepted = AcceptedField()
    smsConsent = StrictBooleanField(default=False)
    locale = serializers.ChoiceField(choices=Locale.values, default=Locale.EN)
    holdId = serializers.UUIDField(required=False)
    holdToken = StrictCharField(max_length=300, required=False)
    quoteToken = StrictCharField(max_length=4000, required=False)
    expectedFinalPrice = MoneyField(required=False)
    paymentIntentId = StrictCharField(max_length=100, required=False)


class BookingPatchSerializer(CustomerSerializer):
    """The same, merged: what is left out stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, partial=True, **kwargs)


class AvailabilityQuerySerializer(StrictSerializer):
    """Which days to look at."""

    serviceId = StrictCharField(max_length=60, help_text="A service's id or slug.")
    date = CalendarDateField(help_text="The first day, in the business zone.")
    days = serializers.IntegerField(min_value=1, max_value=14, default=1)
    timezone = StrictCharField(
        max_length=60, required=False, help_text="An IANA zone to write the times in."
    )
    zip = ZipField(required=False, help_text="Required for MOBILE.")


class BookingListQuerySerializer(StrictSerializer):
    """Which bookings to list, in the order of their last change."""

    status = serializers.ChoiceField(choices=[s.value for s in BookingStatus], required=False)
    serviceId = StrictCharField(max_length=60, required=False)
    dateFrom = CalendarDateField(required=False, help_text="First local day of appointments.")
    dateTo = CalendarDateField(required=False, help_text="Last local day of appointments.")
    updatedSince = InstantField(required=False, help_text="Changed then or later, microseconds.")
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)
    cursor = StrictCharField(max_length=200, required=False)


class CancelQuerySerializer(StrictSerializer):
    """Why a booking is cancelled."""

    reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")
