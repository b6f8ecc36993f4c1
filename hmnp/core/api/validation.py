"""Reading a request so that every fault is found at once: of form here, of substance by the app."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers
from rest_framework.fields import empty

from hmnp.core.api.errors import flatten
from hmnp.core.errors import Fault


def read(kind: type[serializers.Serializer[Any]], data: Any) -> tuple[dict[str, Any], list[Fault]]:
    """Give the values whose form is right, even when others' is not, and all faults of form."""
    try:
        return dict(_kept(kind).run_validation(data)), []
    except (serializers.ValidationError, ValidationError):
        # What is wrong is told by one that may keep it to itself.
        return _look_at_each(kind(data=data))


@lru_cache
def _kept(kind: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    # To make one takes longer than to validate with it; validating leaves nothing behind in it.
    return kind()


def _look_at_each(
    serializer: serializers.Serializer[Any],
) -> tuple[dict[str, Any], list[Fault]]:
    serializer.is_valid()
    faults = flatten(serializer.errors)
    data = serializer.initial_data
    values: dict[str, Any] = {}
    for name, field in serializer.fields.items():
        try:
            values[name] = field.run_validation(data.get(name, empty))
        except (serializers.ValidationError, serializers.SkipField):
            continue
    return values, faults
