"""What the payments' endpoints take and answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from bookings.api.schemas import BookingSerializer
from hmnp.core.api.serializers import InstantField, MoneyField, StrictCharField, StrictSerializer
from payments.states import PaymentKind, PaymentStatus


class IntentRequestSerializer(StrictSerializer):
    """What to pay for: a booking, or a hold with its token. The amount is ours."""

    bookingId = serializers.UUIDField(required=False, help_text="With a credential for it.")
    holdId = serializers.UUIDField(required=False)
    holdToken = StrictCharField(max_length=300, required=False, help_text="With `holdId`.")
    quoteToken = StrictCharField(
        max_length=4000, required=False, help_text="With `holdId`: the price you were shown."
    )

    def validate(self, attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask for exactly one thing to pay for."""
        is_booking, is_hold = "bookingId" in attrs, "holdId" in attrs
        if is_booking:
            extra = [name for name in ("holdId", "holdToken", "quoteToken") if name in attrs]
            if extra:
                raise serializers.ValidationError(
                    {
                        name: [
                            serializers.ErrorDetail(
                                "Give either a booking or a hold.", code="not_accepted"
                            )
                        ]
                        for name in extra
                    }
                )
        elif not is_hold:
            raise serializers.ValidationError(
                {
                    "bookingId": [
                        serializers.ErrorDetail(
                            "Give a bookingId, or a holdId with its holdToken.", code="required"
                        )
                    ]
                }
            )
        elif "holdToken" not in attrs:
            raise serializers.ValidationError(
                {"holdToken": [serializers.ErrorDetail("Give the hold's token.", code="required")]}
            )
        return attrs


class IntentSerializer(serializers.Serializer[Any]):
    """A live intent: confirm it in the browser with the client secret and the publishable key."""

    paymentId = serializers.UUIDField()
    paymentIntentId = serializers.CharField()
    clientSecret = serializers.CharField()
    publishableKey = serializers.CharField()
    amount = MoneyField()
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=[s.value for s in PaymentStatus])
    kind = serializers.ChoiceField(choices=[k.value for k in PaymentKind])
    expiresAt = InstantField(allow_null=True)


class ConfirmRequestSerializer(StrictSerializer):
    """Which intent to look up, and one proof that it is yours unless the request carries one."""

    paymentIntentId = StrictCharField(max_length=80)
    clientSecret = StrictCharField(max_length=200, required=False)
    holdToken = StrictCharField(max_length=300, required=False)


class PaymentSerializer(serializers.Serializer[Any]):
    """One payment; amounts in dollars."""

    id = serializers.UUIDField()
    bookingId = serializers.UUIDField(allow_null=True)
    paymentIntentId = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=[s.value for s in PaymentStatus])
    kind = serializers.ChoiceField(choices=[k.value for k in PaymentKind])
    amount = MoneyField()
    amountRefunded = MoneyField()
    currency = serializers.CharField()
    createdAt = InstantField()
    settledAt = InstantField(allow_null=True)


class ConfirmedSerializer(serializers.Serializer[Any]):
    """The payment as Stripe has it now, and the booking it is for, if there is one yet."""

    payment = PaymentSerializer()
    booking = BookingSerializer(allow_null=True)
