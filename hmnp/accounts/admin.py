"""Partners and their keys, as staff see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import AbstractAPIKey, APIKey
from unfold.admin import ModelAdmin

from hmnp.accounts import history_admin, people_admin  # noqa: F401  # register their pages
from hmnp.accounts.history import WithHistory
from hmnp.accounts.models import (
    MOST_LIVE_KEYS,
    Partner,
    PartnerApiKey,
    Scope,
    live_keys,
    validate_network,
)

# Keys without a partner open nothing here.
admin.site.unregister(APIKey)


class LinesField(forms.CharField):
    """A list of short texts, one a line; `check` refuses a line by ValidationError."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 40, "spellcheck": "false"})

    def __init__(self, *, check: Callable[[str], None] | None = None, **kwargs: Any) -> None:
        self.check = check
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Give the lines that say something. Raises ValidationError for each that is wrong."""
        lines = [line.strip() for line in str(value or "").replace(",", "\n").splitlines()]
        lines = list(dict.fromkeys(line for line in lines if line))
        faults = [fault for line in lines if (fault := self._fault(line))]
        if faults:
            raise ValidationError(faults)
        return lines

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell whether other lines were sent than were shown."""
        return super().has_changed(self.prepare_value(initial), str(data or "").replace("\r", ""))

    def _fault(self, line: str) -> ValidationError | None:
        try:
            if self.check:
                self.check(line)
        except ValidationError as fault:
            return fault
        return None


class PartnerForm(forms.ModelForm[Partner]):
    allowed_services = LinesField(
        label="Services it may book",
        help_text="One slug a line, such as standard-notary; empty: all services.",
    )

    class Meta:
        model = Partner
        fields = [
            *("name", "terms", "contact_name", "contact_email", "allowed_services"),
            *("max_live_holds", "rate_factor", "is_active"),
        ]


@admin.register(Partner)
class PartnerAdmin(WithHistory, ModelAdmin[Partner]):
    form = PartnerForm
    list_display = ["name", "terms", "contact_email", "live", "is_active"]
    list_filter = ["terms", "is_active"]
    search_fields = ["name", "contact_email"]

    @admin.display(description="live keys")
    def live(self, partner: Partner) -> int:
        """Count the keys that open something."""
        return live_keys(partner=partner).count()


class KeyForm(forms.ModelForm[PartnerApiKey]):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        label="What it opens",
        help_text="As little as the partner's program needs.",
    )
    addresses = LinesField(
        check=validate_network,
        label="Where it works",
        help_text="One address or network a line, such as 203.0.113.0/24; empty: anywhere.",
    )

    class Meta:
        model = PartnerApiKey
        fields = ["partner", "name", "scopes", "addresses", "expiry_date", "revoked"]


_ABOUT_KEYS = (
    "The key itself is shown once, on the page after saving; we keep no copy. "
    f"A partner has at most {MOST_LIVE_KEYS} live keys: the one in use, and the "
    "next while its programs change over. To rotate, make the next key, wait "
    "until the partner uses it, then revoke the old one. Revoking is for good."
)


@admin.register(PartnerApiKey)
class PartnerApiKeyAdmin(WithHistory, APIKeyModelAdmin, ModelAdmin[PartnerApiKey]):
    form = KeyForm
    list_display = ("prefix", "partner", "name", "created", "expiry_date", "revoked")
    list_select_related = ["partner"]
    list_filter = ("revoked",)

    def get_fieldsets(self, request: HttpRequest, obj: PartnerApiKey | None = None) -> Any:
        """Say what a key is; a new one has no prefix yet, and nothing to revoke."""
        fields = ["partner", "name", "scopes", "addresses", "expiry_date"]
        if obj is not None:
            fields = ["prefix", *fields, "revoked"]
        return [(None, {"fields": fields, "description": _ABOUT_KEYS})]

    def save_model(
        self, request: HttpRequest, obj: AbstractAPIKey, form: Any = None, change: bool = False
    ) -> None:
        """Save, and show a new key this once, by itself so that it can be copied whole."""
        if change:
            obj.save()
            return
        key = PartnerApiKey.objects.assign_key(obj)
        obj.save()
        messages.warning(
            request,
            format_html(
                "The key of {}, shown this once; hand it over safely: <code>{}</code>",
                form.instance.partner,
                key,
            ),
        )
