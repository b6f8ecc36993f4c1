"""The forms of the second step; a code is good once, whatever a cache forgets."""

from __future__ import annotations

import logging

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms

from hmnp.accounts.codes import use_code

logger = logging.getLogger(__name__)


class _UsesCode(forms.Form):
    """Takes an app's code or a recovery code, and uses it up."""

    def clean_code(self) -> str:
        """Use the code up. Raises ValidationError."""
        code: str = self.cleaned_data["code"]
        user = self.user  # type: ignore[attr-defined]  # set by allauth's form
        authenticator = use_code(user_id=user.pk, code=code)
        if authenticator is None:
            logger.warning("a second factor was refused", extra={"staff_id": user.pk})
            raise get_adapter().validation_error("incorrect_code")
        authenticator.user = user
        self.authenticator = authenticator
        return code


class CodeForm(_UsesCode, AuthenticateForm):
    """The second step of signing in."""


class CodeAgainForm(_UsesCode, ReauthenticateForm):
    """Asked again before a factor is changed."""


class PasskeyForm(AddWebAuthnForm):
    """A new passkey; it opens the desk by itself unless its owner wants it otherwise."""

    passwordless = forms.BooleanField(
        label="It opens the desk by itself, without the password",
        help_text="The device then asks for your finger, face or PIN.",
        initial=True,
        required=False,
    )
