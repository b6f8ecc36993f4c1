"""A notary's appointments as a calendar feed, by a secret address."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from bookings import notary_calendar
from bookings.models import Booking, Notary

_BACK = timedelta(days=30)
_AHEAD = timedelta(days=400)


@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Give the feed of the active notary whose secret it is; any other address finds nothing."""
    # No secret of ours has a NUL in it, and the database would not even compare one.
    found = Notary.objects.filter(feed_secret=secret, is_active=True)
    notary = None if "\0" in secret else found.first()
    if notary is None:
        raise Http404
    now = timezone.now()
    bookings = (
        Booking.objects.select_related("service")
        .filter(
            notary=notary,
            status__in=[status.value for status in notary_calendar.KEPT],
            starts_at__gte=now - _BACK,
            starts_at__lt=now + _AHEAD,
        )
        .order_by("starts_at", "id")
    )
    body = notary_calendar.calendar_file(bookings=bookings, name=f"{notary.name}: appointments")
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # Kept by the notary's own program only, and asked about again before it is used.
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return get_conditional_response(request, etag=response["ETag"], response=response) or response
