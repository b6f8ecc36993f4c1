"""The admin's form of a notary, with a calendar password that is never shown again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from bookings.models import CalendarKind, Notary
from hmnp.core.public_addresses import is_public


class NotaryForm(forms.ModelForm[Notary]):
    """A notary; an empty password field keeps the password there is."""

    calendar_password = forms.CharField(
        label="Calendar password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For CalDAV: an app password. Kept encrypted and never shown again; "
        "leave it empty to keep the one there is.",
    )

    class Meta:
        model = Notary
        fields = [
            "name",
            "user",
            "email",
            "phone",
            "home_zip",
            "languages",
            "skills",
            "daily_capacity",
            "is_active",
            "calendar_kind",
            "calendar_id",
            "calendar_user",
        ]
        help_texts = {
            "calendar_id": "A Google calendar's id, shared with our service account (“Make changes "
            "to events”), or the address of a CalDAV calendar. Without one, appointments go into "
            "the company's Google calendar and no busy times are read.",
            "calendar_user": "For CalDAV only.",
        }

    def clean(self) -> dict[str, Any]:
        """Ask for what a CalDAV calendar needs; a password is never sent to another host."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("calendar_kind") != CalendarKind.CALDAV:
            return cleaned
        address = cleaned.get("calendar_id", "")
        host = _host(address) if address else ""
        if host is None:
            raise ValidationError(
                {"calendar_id": "Give the calendar's https address, without a user in it."}
            )
        missing = {
            name: "A CalDAV calendar needs this."
            for name in ("calendar_id", "calendar_user")
            if not cleaned.get(name)
        }
        if not cleaned.get("calendar_password") and not self._has_password_for(host):
            missing["calendar_password"] = "Give the password for this server."  # noqa: S105 -- says what is missing
        if missing:
            raise ValidationError(missing)
        return cleaned

    def _has_password_for(self, host: str) -> bool:
        before = Notary.objects.filter(pk=self.instance.pk).first() if self.instance.pk else None
        return (
            before is not None
            and bool(before.calendar_password_sealed)
            and _host(before.calendar_id) == host
        )

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 -- Django's signature
        """Keep a new password encrypted; forget it where the calendar needs none."""
        if password := self.cleaned_data.get("calendar_password"):
            self.instance.calendar_password = password
        if self.cleaned_data.get("calendar_kind") != CalendarKind.CALDAV:
            self.instance.calendar_password_sealed = ""
        return super().save(commit)


def _is_inside(name: str) -> bool:
    is_bare = ":" in name or name.replace(".", "").isdigit()
    return name == "localhost" or (is_bare and not is_public(name))


def _host(address: str) -> str | None:
    """Give the host an address may be asked at, or None when it is not a fit one."""
    try:
        parts = urlsplit(address)
        host = parts.netloc
    except ValueError:
        return None
    # The sandbox of a developer's machine, and nothing else, is spoken to in the clear.
    is_local = bool(settings.SANDBOX_URL) and parts.hostname in ("127.0.0.1", "localhost")
    if not host or "@" in host or (parts.scheme != "https" and not is_local):
        return None
    # Where a name leads is judged when it is asked; a bare address can be judged at once.
    if settings.TYPED_ADDRESSES_MUST_BE_PUBLIC and _is_inside(parts.hostname or ""):
        return None
    return host
