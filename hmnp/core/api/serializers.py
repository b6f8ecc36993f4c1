"""Input that is refused by name when it is unknown, and the fields the contract is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hmnp.core import money, times
from hmnp.core.plain_text import validate_line, validate_text


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that lists unknown and read-only names among the faults of its input."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate `data`; every fault is reported, unknown names included."""
        unknown: dict[str, list[str]] = {}
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = {
                str(name): [
                    serializers.ErrorDetail("This field is not accepted here.", code="unknown")
                ]
                for name in data
                if name not in writable
            }
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


@extend_schema_field(OpenApiTypes.DATETIME)
class InstantField(serializers.Field[datetime, str, str, Any]):
    """An RFC 3339 time with an offset in; the same instant in the business zone out."""

    def to_internal_value(self, data: Any) -> datetime:
        """Give the UTC instant."""
        if not isinstance(data, str):
            raise serializers.ValidationError("Give the time as text.", code="invalid")
        try:
            return times.parse_instant(data, zone=ZoneInfo(settings.BUSINESS_TIME_ZONE))
        except times.UnreadableTime as error:
            raise serializers.ValidationError(str(error), code=error.code) from None

    def to_representation(self, value: datetime) -> str:
        """Write the instant in the business zone."""
        return times.rfc3339(value, zone=ZoneInfo(settings.BUSINESS_TIME_ZONE))


class CalendarDateField(serializers.DateField):
    """A calendar date of this century: farther off, a zone's midnight may not be a time at all."""

    def to_internal_value(self, value: Any) -> date:
        """Give the date; digits of other scripts are not the contract's."""
        if isinstance(value, str) and not value.isascii():
            self.fail("invalid", format="YYYY-MM-DD")
        day = super().to_internal_value(value)
        if not 2000 <= day.year < 2100:
            raise serializers.ValidationError("This date is too far away.", code="out_of_range")
        return day


@extend_schema_field(OpenApiTypes.NUMBER)
class MoneyField(serializers.Field[int, Any, float, Any]):
    """Integer cents inside, a JSON number of dollars outside; input has at most two decimals."""

    def to_internal_value(self, data: Any) -> int:
        """Give the cents."""
        decimal = serializers.DecimalField(max_digits=9, decimal_places=2, min_value=0)
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            raise serializers.ValidationError("Give an amount in dollars.", code="invalid")
        return money.cents(decimal.run_validation(data))

    def to_representation(self, value: int) -> float:
        """Give the dollars."""
        return money.dollars(value)


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: no text, no true, no 2.0."""

    def to_internal_value(self, data: Any) -> int:
        """Give the integer."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean: no text, no number."""

    def to_internal_value(self, data: Any) -> bool:
        """Give the boolean."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictCharField(serializers.CharField):
    """A JSON text of one line that shows as what it is: no number that looks like one."""

    def __init__(self, **kwargs: Any) -> None:
        self.has_lines = bool(kwargs.pop("has_lines", False))
        super().__init__(**kwargs)
        self.validators.append(validate_text if self.has_lines else validate_line)

    def to_internal_value(self, data: Any) -> str:
        """Give the text, trimmed."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class ShortListField(serializers.ListField):
    """A JSON list; one that is too long is refused before its items cost any work."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Give the items."""
        if isinstance(data, list) and self.max_length and len(data) > self.max_length:
            raise serializers.ValidationError(
                f"Give at most {self.max_length} of them.", code="max_length"
            )
        return super().to_internal_value(data)


class ErrorDetailSerializer(serializers.Serializer[Any]):
    """What went wrong, for a program (`code`) and for a person (`message`)."""

    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(required=False)
    requestId = serializers.CharField()
    timestamp = serializers.DateTimeField()
    details = serializers.DictField(required=False)


class ErrorSerializer(serializers.Serializer[Any]):
    """The one shape of every error."""

    error = ErrorDetailSerializer()
