"""Reading a request so that every fault is found at once: of form here, of substance by the app."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from hmnp.core.api.errors import flatten
from hmnp.core.errors import Fault


def read(serializer: serializers.Serializer[Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Give the values whose form is right, even when others' is not, and all faults of form."""
    if serializer.is_valid():
        return dict(serializer.validated_data), []
    faults = flatten(serializer.errors)
    data = serializer.initial_data
    values: dict[str, Any] = {}
    for name, field in serializer.fields.items():
        try:
            values[name] = field.run_validation(data.get(name, empty))
        except (serializers.ValidationError, serializers.SkipField):
            continue
    return values, faults
