"""Who signs in a remote session: each with a name and an address of their own."""

from __future__ import annotations

from typing import Any

from django import forms

from bookings.models import Booking
from hmnp.core.plain_text import validate_line


class SignersForm(forms.Form):
    """A pair of fields for each signer; a pair may stay empty until later."""

    def __init__(self, *args: Any, booking: Booking, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        people = booking.signer_details or [
            {"name": booking.customer_name, "email": booking.customer_email}
        ]
        initial = {}
        for number, person in enumerate(people, start=1):
            initial[f"signer_{number}_name"] = person.get("name", "")
            initial[f"signer_{number}_email"] = person.get("email", "")
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        self.numbers = range(1, booking.signers + 1)
        self._phones = {
            one["email"].lower(): one["phone"]
            for one in booking.signer_details
            if one.get("email") and one.get("phone")
        }
        for number in self.numbers:
            self.fields[f"signer_{number}_name"] = forms.CharField(
                label=f"Signer {number}: name",
                help_text="As on the ID" if number == 1 else "",
                min_length=2,
                max_length=100,
                required=False,
                validators=[validate_line],
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
                error_messages={"min_length": "Give the whole name."},
            )
            self.fields[f"signer_{number}_email"] = forms.EmailField(
                label=f"Signer {number}: e-mail",
                help_text="The link goes there" if number == 1 else "",
                max_length=254,
                required=False,
                widget=forms.EmailInput(attrs={"autocomplete": "off"}),
                error_messages={"invalid": "Give an e-mail address like name@example.com."},
            )

    def clean(self) -> dict[str, Any]:
        """Take a signer whole or not at all, and no address twice."""
        cleaned = super().clean() or self.cleaned_data
        seen: dict[str, int] = {}
        for number in self.numbers:
            name = cleaned.get(f"signer_{number}_name")
            email = cleaned.get(f"signer_{number}_email")
            if name and email == "":
                self.add_error(f"signer_{number}_email", f"Give the e-mail of signer {number} too.")
            if email and name == "":
                self.add_error(f"signer_{number}_name", f"Give the name of signer {number} too.")
            if email and (first := seen.setdefault(email.lower(), number)) != number:
                self.add_error(
                    f"signer_{number}_email",
                    f"Signer {first} has this address already; each signer needs their own.",
                )
        return cleaned

    def pairs(self) -> list[dict[str, forms.BoundField]]:
        """Give the signers' fields in pairs, for the page."""
        return [
            {"name": self[f"signer_{number}_name"], "email": self[f"signer_{number}_email"]}
            for number in self.numbers
        ]

    def people(self) -> list[dict[str, str]]:
        """Give the signers that were named, as a booking keeps them."""
        people = []
        for number in self.numbers:
            name = self.cleaned_data[f"signer_{number}_name"]
            email = self.cleaned_data[f"signer_{number}_email"]
            if name and email:
                phone = self._phones.get(email.lower())
                person = {"name": name, "email": email}
                people.append(person | ({"phone": phone} if phone else {}))
        return people
