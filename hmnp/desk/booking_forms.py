"""What staff type when they change a booking or make one by phone; the actions judge it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from phonenumber_field.formfields import PhoneNumberField

from bookings.availability import Misfit
from bookings.models import Booking, Notary
from bookings.models.booking import Locale
from bookings.requests import CustomerDetails
from bookings.staff_terms import StaffTerms
from hmnp.core.errors import DomainError, ValidationFailed
from hmnp.core.plain_text import validate_line
from hmnp.desk.money_forms import DollarsField, PlainForm
from services.agreed import Agreed
from services.models import Service

RULES = {
    Misfit.OUTSIDE_HOURS: "Outside the hours",
    Misfit.INSIDE_NOTICE: "Sooner than our notice",
    Misfit.BEYOND_HORIZON: "Further ahead than we plan",
    Misfit.BLACKOUT: "On a day we are closed",
}
# By the API's name of a field, which one of ours it is.
_OURS = {
    "zip": "zip_code",
    "address.zip": "zip_code",
    "agreedPrice": "agreed_price",
    "promoCode": "promo",
    "scheduledDateTime": "time",
    "waived": "waived",
    "signers": "signers",
    "documents": "documents",
    "reason": "reason",
}


class DeskForm(PlainForm):
    """An action's refusal finds the field it is about."""

    def refuse(self, error: DomainError) -> None:
        """Show a refusal beside its field, else above the form."""
        if isinstance(error, ValidationFailed) and error.faults:
            faults = [(fault.field, fault.message) for fault in error.faults]
        else:
            faults = [(error.field, error.message)]
        for api_name, message in faults:
            name = _OURS.get(api_name or "", "")
            self.add_error(name if name in self.fields else None, message)


class _Place(DeskForm):
    street = forms.CharField(max_length=120, required=False, validators=[validate_line])
    unit = forms.CharField(max_length=40, required=False, validators=[validate_line])
    city = forms.CharField(max_length=80, required=False, validators=[validate_line])
    state = forms.RegexField(r"^[A-Za-z]{2}$", required=False, initial="TX")
    zip_code = forms.RegexField(
        r"^[0-9]{5}$",
        label="ZIP code",
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "maxlength": 5}),
    )

    def clean(self) -> dict[str, Any]:
        """A mobile appointment needs a whole address, an online one none."""
        cleaned = super().clean() or self.cleaned_data
        for name in ("street", "city", "state", "zip_code"):
            if self.is_mobile(cleaned) and name not in self.errors and not cleaned.get(name):
                self.add_error(name, "The notary has to know where to come.")
        return cleaned

    def is_mobile(self, cleaned: Mapping[str, Any]) -> bool:
        """Tell whether somebody comes."""
        raise NotImplementedError


class EditForm(_Place):
    """What a customer may change, by the names of the booking's fields."""

    customer_name = forms.CharField(
        label="Name", min_length=2, max_length=100, validators=[validate_line]
    )
    customer_email = forms.EmailField(label="E-mail", max_length=254)
    customer_phone = PhoneNumberField(label="Phone", region="US")
    signers = forms.IntegerField(min_value=1)
    documents = forms.IntegerField(min_value=1)
    special_instructions = forms.CharField(
        label="Instructions",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    field_order = ("customer_name", "customer_email", "customer_phone")

    def __init__(self, data: Any = None, *, booking: Booking) -> None:
        names = [name for name in self.base_fields if hasattr(booking, name)]
        initial = {name: getattr(booking, name) for name in names}
        super().__init__(data, initial=initial, auto_id="edit_%s")
        self.booking = booking
        self.signer_count = 0
        if not booking.zip_code:
            for name in ("street", "unit", "city", "state", "zip_code"):
                del self.fields[name]
            self._ask_signers(booking)

    def _ask_signers(self, booking: Booking) -> None:
        """Online every signer is invited by name and e-mail."""
        self.signer_count = booking.signers
        for number in range(1, booking.signers + 1):
            known = booking.signer_details[number - 1 : number]
            was = known[0] if known else {}
            for part, field in (("name", forms.CharField), ("email", forms.EmailField)):
                words = "e-mail" if part == "email" else part
                self.fields[f"signer_{number}_{part}"] = field(
                    label=f"Signer {number}: {words}",
                    max_length=100,
                    required=False,
                    initial=was.get(part, ""),
                )

    def is_mobile(self, cleaned: Mapping[str, Any]) -> bool:
        """The booking says so."""
        return bool(self.booking.zip_code)

    def details(self) -> dict[str, Any]:
        """Give the new values that are not counts, as the row keeps them."""
        values = {**self.cleaned_data, "customer_phone": str(self.cleaned_data["customer_phone"])}
        if "state" in values:
            values["state"] = values["state"].upper()
        del values["signers"], values["documents"]
        named = []
        for number in range(1, self.signer_count + 1):
            parts = {part: values.pop(f"signer_{number}_{part}") for part in ("name", "email")}
            known = self.booking.signer_details[number - 1 : number]
            if any(parts.values()):
                named.append({**(known[0] if known else {}), **parts})
        if self.signer_count:
            values["signer_details"] = named
        return values

    def clean(self) -> dict[str, Any]:
        """Take a signer whole or not at all."""
        cleaned = super().clean()
        for number in range(1, self.signer_count + 1):
            name, email = (cleaned.get(f"signer_{number}_{part}") for part in ("name", "email"))
            if bool(name) != bool(email):
                missing = "email" if name else "name"
                self.add_error(f"signer_{number}_{missing}", "Give both the name and the e-mail.")
        return cleaned


class PhoneForm(_Place):
    """A booking by phone: what, when, where, for whom, and what is agreed beyond the rules."""

    service = forms.ModelChoiceField(
        Service.objects.filter(is_active=True).order_by("position", "name"),
        to_field_name="slug",
        empty_label=None,
    )
    day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    time = forms.TimeField(
        label="Start, Houston time",
        widget=forms.TimeInput(attrs={"type": "time", "step": 1800}, format="%H:%M"),
    )
    notary = forms.ModelChoiceField(
        Notary.objects.filter(is_active=True).order_by("name"),
        required=False,
        empty_label="Whoever drives least",
    )
    signers = forms.IntegerField(min_value=1, initial=1)
    documents = forms.IntegerField(min_value=1, initial=1)
    promo = forms.CharField(label="Promo code", max_length=40, required=False)
    name = forms.CharField(min_length=2, max_length=100, validators=[validate_line])
    email = forms.EmailField(label="E-mail", max_length=254)
    phone = PhoneNumberField(region="US", widget=forms.TextInput(attrs={"type": "tel"}))
    locale = forms.ChoiceField(label="Language of our messages", choices=Locale.choices)
    instructions = forms.CharField(
        max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    sms = forms.BooleanField(label="The customer wants texts", required=False)
    terms = forms.BooleanField(label="The customer accepts our terms")
    waived = forms.MultipleChoiceField(
        label="Rules set aside",
        choices=[(rule.value, words) for rule, words in RULES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    agreed_price = DollarsField(
        label="Agreed price in dollars, if lower than the list", required=False
    )
    agreed_travel = DollarsField(
        label="Agreed fee for the way, in place of the list's", required=False, least_cents=0
    )
    reason = forms.CharField(
        label="Why a rule or the price is set aside", max_length=200, required=False
    )
    payment = forms.ChoiceField(
        label="Payment",
        choices=[
            ("link", "Send a link to pay by card"),
            ("CASH", "Cash, taken now"),
            ("CHEQUE", "A check, taken now"),
            ("none", "Nothing for now"),
        ],
        widget=forms.RadioSelect,
        initial="link",
    )
    amount = DollarsField(label="Amount taken, if not the whole price", required=False)
    unpaid_reason = forms.CharField(
        label="Why nothing is paid for now", max_length=200, required=False
    )

    GROUPS = (
        ("What and when", ("service", "day", "time", "notary", "signers", "documents", "promo")),
        ("Where", ("street", "unit", "city", "state", "zip_code")),
        ("Who", ("name", "email", "phone", "locale", "instructions", "sms", "terms")),
        ("Set aside", ("waived", "agreed_price", "agreed_travel", "reason")),
        ("Payment", ("payment", "amount", "unpaid_reason")),
    )

    # The others that may be left out say when in their own words.
    EXTRAS = ("unit", "promo", "instructions")

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Give the fields in the order of a phone call."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS]

    def is_mobile(self, cleaned: Mapping[str, Any]) -> bool:
        """The service says so."""
        service = cleaned.get("service")
        return service is not None and service.type == Service.Type.MOBILE

    def clean(self) -> dict[str, Any]:
        """Ask why nothing is paid when nothing is."""
        cleaned = super().clean()
        if cleaned.get("payment") == "none" and not (cleaned.get("unpaid_reason") or "").strip():
            self.add_error("unpaid_reason", "Say why nothing is paid for now.")
        return cleaned

    def staff_terms(self) -> StaffTerms:
        """Give what is asked for beyond a customer's rights."""
        sent = self.cleaned_data
        return StaffTerms(
            waived=frozenset(Misfit(rule) for rule in sent["waived"]),
            agreed=Agreed(total_cents=sent["agreed_price"], travel_fee_cents=sent["agreed_travel"]),
            reason=sent["reason"],
            notary_id=sent["notary"].pk if sent["notary"] else None,
            unpaid_reason=sent["unpaid_reason"] if sent["payment"] == "none" else "",
        )

    def customer(self) -> CustomerDetails:
        """Give whom it is for."""
        sent = self.cleaned_data
        is_mobile = self.is_mobile(sent)
        return CustomerDetails(
            name=sent["name"],
            email=sent["email"],
            phone=str(sent["phone"]),
            street=sent["street"] if is_mobile else "",
            unit=sent["unit"] if is_mobile else "",
            city=sent["city"] if is_mobile else "",
            state=sent["state"].upper() if is_mobile else "",
            special_instructions=sent["instructions"],
            locale=sent["locale"],
            sms_consent=sent["sms"],
        )
