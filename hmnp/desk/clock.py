"""The desk reads and writes times by Houston's clock; everything else says which clock it means."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

_DESK = "/admin/"


class DeskClockMiddleware:
    """Have the desk's lists, forms and pages go by the business's own time zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        if not request.path_info.startswith(_DESK):
            return self.get_response(request)
        with timezone.override(self.zone):
            return self.get_response(request)
