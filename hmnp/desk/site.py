"""The desk: one admin site of ours, its look, and who comes in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from hmnp.accounts.doors import way_in
from hmnp.accounts.second_factor import may_enter

View = Callable[..., HttpResponseBase]

# The theme's scripts are evaluated by Alpine and its charts style themselves; nothing else may
# do that, and nothing here comes from another server.
_CSP = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}


class DeskSite(UnfoldAdminSite):
    """Every page of the desk: registered models and our own pages by `admin_view`."""

    site_header = settings.COMPANY["name"]
    site_title = f"Desk of {settings.COMPANY['name']}"
    index_title = "Desk"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Let staff in who showed a second factor in this very session."""
        return may_enter(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the staff door, or on to where one was going."""
        if not self.has_permission(request):
            return way_in(request)
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        if url_has_allowed_host_and_scheme(
            wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return redirect(wanted)
        return redirect("admin:index")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """List all models when somebody reads the list: our pages have a sidebar of their own."""
        every = super().get_app_list
        return every(request, app_label) if app_label else SimpleLazyObject(lambda: every(request))

    def _get_value(self, value: Any, *args: Any) -> Any:
        """Give a setting of the theme; a word or colour is no path of a function to look for."""
        is_plain = isinstance(value, str) and not value.startswith("hmnp.")
        return value if is_plain else super()._get_value(value, *args)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to where passwords are changed."""
        return redirect("account_change_password")

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Make a view a page of the desk: only for who may come in, with the theme's policy."""
        inner: View = super().admin_view(view, cacheable)

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = inner(request, *args, **kwargs)
            response._csp_replace = _CSP  # type: ignore[attr-defined]  # read by the CSP middleware
            return response

        return page
