"""What is asked of a customer who meets the notary in person after all."""

from __future__ import annotations

from typing import Any

from django import forms

from bookings.forms import DetailsForm
from hmnp.core.money import show
from services.definitions import ServiceDefinition

_ZIP_FIELD = DetailsForm.base_fields["zip"]
_ADDRESS = ("street", "unit", "city", "state")


class PlaceForm(forms.Form):
    """By which service, and near where: what times and price depend on."""

    def __init__(self, *args: Any, services: list[ServiceDefinition], **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.fields["zip"] = _ZIP_FIELD
        self.fields["service"] = forms.ChoiceField(
            label="Appointment",
            choices=[
                (one.slug, f"{one.name}, from {show(one.base_price_cents)}") for one in services
            ],
            initial=services[0].slug if services else None,
        )


class AddressForm(forms.Form):
    """Where exactly the notary comes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for name in _ADDRESS:
            self.fields[name] = DetailsForm.base_fields[name]
