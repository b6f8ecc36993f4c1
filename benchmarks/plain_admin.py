"""What one gets from Django's admin without a thought, on our table, to compare the desk with.

Its own templates, its count, its hierarchy of dates, its search, its hundred rows a page; behind
the same door, through the same middleware.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django.contrib.admin as django_admin
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import include, path

from bookings.models import Booking

LIST = "/plain-admin/bookings/booking/"
_ENGINE = "plain"


class _PlainAdmin(admin.ModelAdmin[Booking]):
    list_display = (
        *("reference", "status", "starts_at", "service", "customer_name", "city", "notary"),
        "price_cents",
    )
    list_filter = ("status", "service", "notary")
    search_fields = ("reference", "customer_name", "customer_email", "customer_phone")
    date_hierarchy = "starts_at"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer: HttpResponse = super().changelist_view(request, extra_context)
        if isinstance(answer, TemplateResponse):
            # Django's own templates: the theme has others of the same names.
            answer._request, answer.using = request, _ENGINE
        return answer


_site = admin.AdminSite(name="plain-admin")
_site.register(Booking, _PlainAdmin)
urlpatterns = [path("plain-admin/", _site.urls), path("", include("hmnp.urls"))]


def install() -> None:
    """Serve it beside the desk in this process, before anything asks for an address."""
    ours = settings.TEMPLATES[0]
    own = Path(django_admin.__file__).parent / "templates"
    settings.TEMPLATES = [
        *settings.TEMPLATES,
        {**ours, "NAME": _ENGINE, "DIRS": [own], "APP_DIRS": False},
    ]
    settings.ROOT_URLCONF = __name__
