"""The staff door: allauth's pages behind our limits; anything else of allauth has no address."""

from __future__ import annotations

import hashlib
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account import views as account_views
from allauth.account.stages import LoginStageController
from allauth.mfa.base import views as mfa_views
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery_views
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp import views as totp_views
from allauth.mfa.webauthn import views as passkey_views
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse

from hmnp.accounts.codes import use_code
from hmnp.accounts.second_factor import has_factor, is_proven
from hmnp.core import limits
from hmnp.core.errors import RateLimited
from hmnp.core.limits import Action, View, limited
from hmnp.core.pages import page

# A name is tried from many addresses: so many times what one address may.
_TIMES_A_NAME = 3


def way_in(request: HttpRequest) -> HttpResponse:
    """Lead whoever may not enter yet to the next step: sign in, or set a second factor up."""
    user = request.user
    if user.is_authenticated and not has_factor(user):
        return redirect("mfa_index")
    if user.is_authenticated:
        # A session that never showed the factor its user has is worth nothing.
        logout(request)
    wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
    query = f"?{urlencode({REDIRECT_FIELD_NAME: wanted})}" if wanted else ""
    return redirect(f"{reverse('account_login')}{query}")


def _take(request: HttpRequest, *, action: Action, key: str, times: int = 1) -> None:
    usage = limits.take(request=request, action=action, key=key, times=times)
    if usage is not None and usage.is_over:
        raise RateLimited(retry_after=usage.reset_seconds)


def _per_name(view: View) -> View:
    """Count the tries at one name, from wherever they come."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            name = request.POST.get("login", "").strip().lower()
            digest = hashlib.sha256(name.encode()).hexdigest()
            _take(request, action=Action.LOGIN, key=f"name:{digest}", times=_TIMES_A_NAME)
        return view(request, *args, **kwargs)

    return answer


def _per_person(view: View) -> View:
    """Count the codes tried for one person, over all sessions: six digits are few."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST" and (person := _whose(request)) is not None:
            _take(request, action=Action.CODE, key=f"staff:{person}")
        return view(request, *args, **kwargs)

    return answer


def _whose(request: HttpRequest) -> int | None:
    if request.user.is_authenticated:
        return request.user.pk
    stage = LoginStageController.enter(request, AuthenticateStage.key)
    return stage.login.user.pk if stage and stage.login.user else None


def _settled(view: View, *, is_for_newcomers: bool = False) -> View:
    """Answer proven sessions; one of somebody without a factor only where it is set up."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        is_newcomer = user.is_authenticated and is_for_newcomers and not has_factor(user)
        if is_newcomer or is_proven(request):
            return view(request, *args, **kwargs)
        return way_in(request)

    return answer


class ActivateApp(totp_views.ActivateTOTPView):
    """Set the authenticator app up; its first code is this session's second factor."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the secret, and use the code up."""
        response: HttpResponse = super().form_valid(form)
        used = use_code(user_id=self.request.user.pk, code=form.cleaned_data["code"])
        if used is not None:
            post_authentication(self.request, used)
        return response


class AddPasskey(passkey_views.AddWebAuthnView):
    """Add a passkey; having just used it is this session's second factor."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the passkey."""
        response: HttpResponse = super().form_valid(form)
        added = Authenticator.objects.filter(
            user_id=self.request.user.pk, type=Authenticator.Type.WEBAUTHN
        ).latest("created_at")
        post_authentication(self.request, added)
        return response


def _entrance(view: View) -> View:
    return page("GET", "POST")(limited(Action.LOGIN)(view))


def _inside(view: View, *, is_for_newcomers: bool = False) -> View:
    return page("GET", "POST")(_settled(view, is_for_newcomers=is_for_newcomers))


def _again(view: View) -> View:
    return page("GET", "POST")(
        limited(Action.LOGIN)(_per_person(_settled(view, is_for_newcomers=True)))
    )


urlpatterns = [
    path("login/", _entrance(_per_name(account_views.login)), name="account_login"),
    path("logout/", page("GET", "POST")(account_views.logout), name="account_logout"),
    path("reauthenticate/", _again(account_views.reauthenticate), name="account_reauthenticate"),
    path(
        "password/change/", _inside(account_views.password_change), name="account_change_password"
    ),
    path("2fa/", _inside(mfa_views.index, is_for_newcomers=True), name="mfa_index"),
    path(
        "2fa/authenticate/",
        _entrance(_per_person(mfa_views.authenticate)),
        name="mfa_authenticate",
    ),
    path("2fa/reauthenticate/", _again(mfa_views.reauthenticate), name="mfa_reauthenticate"),
    path(
        "2fa/app/activate/",
        _inside(_per_person(ActivateApp.as_view()), is_for_newcomers=True),
        name="mfa_activate_totp",
    ),
    path("2fa/app/deactivate/", _inside(totp_views.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "2fa/recovery-codes/",
        _inside(recovery_views.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/generate/",
        _inside(recovery_views.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path("2fa/passkeys/", _inside(passkey_views.list_webauthn), name="mfa_list_webauthn"),
    path(
        "2fa/passkeys/add/",
        _inside(AddPasskey.as_view(), is_for_newcomers=True),
        name="mfa_add_webauthn",
    ),
    path("2fa/passkeys/login/", _entrance(passkey_views.login_webauthn), name="mfa_login_webauthn"),
    path(
        "2fa/passkeys/reauthenticate/",
        _again(passkey_views.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "2fa/passkeys/<int:pk>/edit/",
        _inside(passkey_views.edit_webauthn),
        name="mfa_edit_webauthn",
    ),
    path(
        "2fa/passkeys/<int:pk>/remove/",
        _inside(passkey_views.remove_webauthn),
        name="mfa_remove_webauthn",
    ),
]
