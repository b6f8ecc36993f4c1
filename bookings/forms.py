"""What customers type: each form checks shape only; the rules are the actions'."""

from __future__ import annotations

from typing import Any

from django import forms
from phonenumber_field.formfields import PhoneNumberField

from bookings.models.booking import Locale
from bookings.requests import CustomerDetails
from hmnp.core.errors import DomainError, ValidationFailed
from hmnp.core.plain_text import validate_line
from services.definitions import ServiceDefinition

_ZIP = forms.TextInput(
    attrs={"inputmode": "numeric", "autocomplete": "postal-code", "maxlength": 5}
)
_ZIP_ERRORS = {"required": "Give the ZIP code we are to come to."}
# Where the fault of an action belongs on the form, by the API's name of the field.
_FIELDS = {
    "zip": "zip",
    "address.zip": "zip",
    "address.street": "street",
    "address.unit": "unit",
    "address.city": "city",
    "address.state": "state",
    "promoCode": "promo",
    "signers": "signers",
    "documents": "documents",
    "customerName": "name",
    "customerEmail": "email",
    "customerPhone": "phone",
    "specialInstructions": "instructions",
    "termsAccepted": "terms",
}


class _Form(forms.Form):
    """Labels without colons; a fault found later finds its field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def refuse(self, error: DomainError) -> None:
        """Show an action's refusal beside the fields it is about."""
        if isinstance(error, ValidationFailed) and error.faults:
            for fault in error.faults:
                self._add(fault.field, fault.message)
        else:
            self._add(error.field, error.message)

    def _add(self, api_field: str | None, message: str) -> None:
        name = _FIELDS.get(api_field or "", "")
        self.add_error(name if name in self.fields else None, message)


class WhereForm(_Form):
    """Where the work is done, and how much there is to sign."""

    zip = forms.RegexField(
        r"^\s*[0-9]{5}\s*$",
        label="ZIP code",
        help_text="Where you sign",
        widget=_ZIP,
        strip=True,
        error_messages={**_ZIP_ERRORS, "invalid": "A ZIP code has five digits, like 77573."},
    )
    signers = forms.IntegerField(label="Signers", min_value=1, initial=1)
    documents = forms.IntegerField(label="Documents", min_value=1, initial=1)
    promo = forms.CharField(
        label="Promo code",
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, service: ServiceDefinition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.service = service
        if not service.is_mobile:
            del self.fields["zip"]
            self.fields["documents"].label = "Notarial acts"
        self._limit("signers", service.max_signers, "signers")
        noun = "documents" if service.is_mobile else "notarial acts"
        self._limit("documents", service.max_documents, noun)

    def _limit(self, name: str, most: int | None, noun: str) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.IntegerField)  # noqa: S101 -- declared above; for the type
        field.help_text = f"1 to {most}" if most else "At least 1"
        field.widget.attrs.update(
            {"inputmode": "numeric", "min": 1, **({"max": most} if most else {})}
        )
        field.error_messages["required"] = f"Say how many {noun} there are."
        field.error_messages["invalid"] = f"Give the number of {noun} in digits."
        field.error_messages["min_value"] = f"There must be at least one of the {noun}."
        field.max_value = most
        if most:
            field.validators.append(
                _AtMost(most, f"We take at most {most} {noun} in one appointment.")
            )


class _AtMost:
    """A limit that says so in the form's own words."""

    def __init__(self, most: int, message: str) -> None:
        self.most, self.message = most, message

    def __call__(self, value: int) -> None:
        if value > self.most:
            raise forms.ValidationError(self.message, code="max_value")


class DetailsForm(_Form):
    """Who it is for, the address, and what is agreed to."""

    name = forms.CharField(
        label="Full name",
        validators=[validate_line],
        help_text="As on your ID",
        min_length=2,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Give your full name."},
    )
    email = forms.EmailField(
        label="E-mail",
        help_text="For the confirmation",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": "Give an e-mail address.",
            "invalid": "Give an e-mail address like name@example.com.",
        },
    )
    phone = PhoneNumberField(
        label="Phone",
        help_text="The notary may call it",
        region="US",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
        error_messages={
            "required": "Give a phone number.",
            "invalid": "Give a phone number like (713) 555-0142.",
        },
    )
    street = forms.CharField(
        label="Street and number",
        validators=[validate_line],
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
        error_messages={"required": "Give the street and number."},
    )
    unit = forms.CharField(
        label="Unit or room",
        validators=[validate_line],
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-line2"}),
    )
    city = forms.CharField(
        label="City",
        validators=[validate_line],
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
        error_messages={"required": "Give the city."},
    )
    state = forms.RegexField(
        r"^\s*[A-Za-z]{2}\s*$",
        label="State",
        initial="TX",
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "address-level1", "maxlength": 2}),
        error_messages={
            "required": "Give the state.",
            "invalid": "Give the state in two letters, like TX.",
        },
    )
    zip = forms.RegexField(
        r"^\s*[0-9]{5}\s*$",
        label="ZIP code",
        widget=_ZIP,
        strip=True,
        error_messages={**_ZIP_ERRORS, "invalid": "A ZIP code has five digits, like 77573."},
    )
    instructions = forms.CharField(
        label="Instructions for the notary",
        help_text="A gate code, where to park, the room in the hospital. No ID or card numbers.",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": 500}),
    )
    locale = forms.ChoiceField(
        label="Language of our messages", choices=Locale.choices, initial=Locale.EN.value
    )
    terms = forms.BooleanField(
        label="I accept the terms",
        error_messages={"required": "Please accept the terms to book."},
    )
    sms = forms.BooleanField(
        label="Text me about this appointment: reminders and the notary’s arrival",
        help_text="Only if you want it. Reply STOP to end it. Message and data rates may apply.",
        required=False,
    )

    def __init__(self, *args: Any, service: ServiceDefinition, signers: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signer_count = 0 if service.is_mobile else signers
        if not service.is_mobile:
            for name in ("street", "unit", "city", "state", "zip"):
                del self.fields[name]
            # Nobody comes: no gate, no arrival.
            self.fields["phone"].help_text = "In case the session is cut off"
            self.fields["instructions"].help_text = "No ID or card numbers."
            self.fields["sms"].label = "Text me about this appointment: reminders and the start"
        for number in range(1, self.signer_count + 1):
            self.fields[f"signer_{number}_name"] = forms.CharField(
                label=f"Signer {number}: name", max_length=100, required=False
            )
            self.fields[f"signer_{number}_email"] = forms.EmailField(
                label=f"Signer {number}: e-mail",
                required=False,
                error_messages={"invalid": "Give an e-mail address like name@example.com."},
            )

    def clean(self) -> dict[str, Any]:
        """Take a signer whole or not at all."""
        cleaned = super().clean() or self.cleaned_data
        for number in range(1, self.signer_count + 1):
            name = cleaned.get(f"signer_{number}_name")
            email = cleaned.get(f"signer_{number}_email")
            if name and email == "":
                self.add_error(f"signer_{number}_email", f"Give the e-mail of signer {number} too.")
            if email and name == "":
                self.add_error(f"signer_{number}_name", f"Give the name of signer {number} too.")
        return cleaned

    def signer_fields(self) -> list[dict[str, forms.BoundField]]:
        """Give the signers' fields in pairs, for the page."""
        return [
            {"name": self[f"signer_{number}_name"], "email": self[f"signer_{number}_email"]}
            for number in range(1, self.signer_count + 1)
        ]

    def details(self) -> CustomerDetails:
        """Give what was typed as the action takes it."""
        data = self.cleaned_data
        signers = [
            {"name": data[f"signer_{number}_name"], "email": data[f"signer_{number}_email"]}
            for number in range(1, self.signer_count + 1)
            if data[f"signer_{number}_name"]
        ]
        return CustomerDetails(
            name=data["name"],
            email=data["email"],
            phone=str(data["phone"]),
            street=data.get("street", ""),
            unit=data.get("unit", ""),
            city=data.get("city", ""),
            state=data.get("state", "").upper(),
            signer_details=signers,
            special_instructions=data["instructions"],
            locale=data["locale"],
            sms_consent=data["sms"],
        )

    def typed(self) -> dict[str, str]:
        """Give what was typed, checked or not; never the agreement to the terms."""
        return {
            name: str(self.data[name])
            for name in self.fields
            if name != "terms" and self.data.get(name)
        }


class CancelForm(_Form):
    """Why a customer cancels."""

    reason = forms.CharField(label="Why? It helps us", max_length=200, required=False)


class FindForm(_Form):
    """What a customer remembers of a booking."""

    reference = forms.CharField(
        label="Reference",
        help_text="It begins with HM and stands in our mails",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
        error_messages={"required": "Give the reference of the booking."},
    )
    contact = forms.CharField(
        label="E-mail or phone",
        help_text="As given when booking",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "email"}),
        error_messages={"required": "Give the e-mail address or the phone number."},
    )
