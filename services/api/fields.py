"""The fields of a place, shared by every body and query that names one."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hmnp.core.api.serializers import StrictCharField, StrictSerializer

_ZIP = re.compile(r"([0-9]{5})(-[0-9]{4})?")


@extend_schema_field({"type": "string", "pattern": "^[0-9]{5}(-[0-9]{4})?$"})
class ZipField(StrictCharField):
    """A ZIP code; of a ZIP+4 the first five digits count."""

    def to_internal_value(self, data: Any) -> str:
        """Give the five digits."""
        found = _ZIP.fullmatch(super().to_internal_value(data))
        if found is None:
            raise serializers.ValidationError("A ZIP code has five digits.", code="invalid")
        return found[1]


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z]{2}$"})
class StateField(StrictCharField):
    """A state by its two letters."""

    def to_internal_value(self, data: Any) -> str:
        """Give the letters in capitals."""
        state = super().to_internal_value(data).upper()
        if not re.fullmatch(r"[A-Z]{2}", state):
            raise serializers.ValidationError("Give the state's two letters.", code="invalid")
        return state


class AddressSerializer(StrictSerializer):
    """Where the notary comes to."""

    street = StrictCharField(max_length=120)
    unit = StrictCharField(max_length=40, required=False, allow_blank=True)
    city = StrictCharField(max_length=80)
    state = StateField()
    zip = ZipField()
