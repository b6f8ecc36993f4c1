"""What staff may send on a booking's money page; the actions judge it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from payments.states import PaymentMethod


class DollarsField(forms.DecimalField):
    """An amount as people write it; cents in Python."""

    def __init__(
        self,
        *,
        label: str = "Amount in dollars",
        required: bool = True,
        least_cents: int = 1,
    ) -> None:
        super().__init__(
            label=label,
            required=required,
            min_value=Decimal(least_cents) / 100,
            max_digits=9,
            decimal_places=2,
            widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
        )

    def clean(self, value: object) -> int | None:
        """Give cents."""
        dollars = super().clean(value)
        return None if dollars is None else int(dollars * 100)


class PlainForm(forms.Form):
    """Its labels end as they are written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})


class TakeForm(PlainForm):
    """Cash or a check."""

    amount = DollarsField()
    method = forms.ChoiceField(
        label="How",
        choices=[(PaymentMethod.CASH.value, "Cash"), (PaymentMethod.CHEQUE.value, "Check")],
    )
    note = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"size": 40})
    )


class WaiveForm(PlainForm):
    """Let the booking stand although nothing was paid."""

    reason = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"size": 40}))


class RefundForm(PlainForm):
    """A part of one payment."""

    payment = forms.ChoiceField()
    amount = DollarsField()
    reason = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"size": 40}))


class CancelForm(PlainForm):
    """Theirs keeps what the policy says, ours keeps nothing."""

    whose = forms.ChoiceField(
        label="Who cancels",
        choices=[("theirs", "The customer: the policy applies"), ("ours", "We do")],
        widget=forms.RadioSelect,
        initial="theirs",
    )
    reason = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"size": 40}))


class HandForm(PlainForm):
    """How a refund was handed over."""

    note = forms.CharField(
        label="How it was given", max_length=200, widget=forms.TextInput(attrs={"size": 30})
    )
