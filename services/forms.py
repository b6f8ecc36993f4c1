"""Form fields in people's units: dollars for stored cents, HH:MM for a minute of the day."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet

from hmnp.core.money import cents
from hmnp.core.times import show_minute

DAY_END = 1440


class DollarsField(forms.DecimalField):
    """Dollars on the page, integer cents behind it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=Decimal(0), max_digits=9, decimal_places=2, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show stored cents as dollars; leave what somebody typed."""
        return Decimal(value) / 100 if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        """Give the cents, or None."""
        amount = super().clean(value)
        return None if amount is None else cents(amount)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare in dollars."""
        return super().has_changed(self.prepare_value(initial), data)


class MinuteOfDayField(forms.CharField):
    """`HH:MM` on the page, up to 24:00; a minute of the day behind it."""

    def prepare_value(self, value: Any) -> Any:
        """Show a stored minute as a time; leave what somebody typed."""
        return show_minute(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        """Give the minute, or None."""
        text = super().clean(value)
        if not text:
            return None
        found = re.fullmatch(r"([0-9]{1,2}):([0-5][0-9])", text)
        minute = int(found[1]) * 60 + int(found[2]) if found else DAY_END + 1
        if minute > DAY_END:
            raise ValidationError("Give a time like 09:00, at most 24:00.")
        return minute

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as times."""
        return super().has_changed(self.prepare_value(initial), data)


class BandFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # generic in the stubs only
    """An area's bands: one after the other, up to the last served mile."""

    def clean(self) -> None:
        """Refuse a gap, an overlap, and bands that end before or after the area does."""
        super().clean()
        if any(self.errors):
            return
        kept = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        bands = sorted((band["over_miles"], band["up_to_miles"]) for band in kept)
        if not bands:
            return
        ends = [up_to for _, up_to in bands]
        if [over for over, _ in bands] != [Decimal(0), *ends[:-1]]:
            raise ValidationError("The bands must follow each other from 0 without gap or overlap.")
        if ends[-1] != self.instance.last_served_mile:
            raise ValidationError("The last band must end at the last served mile.")
