"""The desk: one admin site of ours, its look, and who comes in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from unfold.sites import UnfoldAdminSite

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

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Make a view a page of the desk: only for who may come in, with the theme's policy."""
        inner: View = super().admin_view(view, cacheable)

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = inner(request, *args, **kwargs)
            response._csp_replace = _CSP  # type: ignore[attr-defined]  # read by the CSP middleware
            return response

        return page
