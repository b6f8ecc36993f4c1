"""How long single things take inside our process, on the database that it finds; JSON out.

No network but to PostgreSQL and Redis. Each thing is done several times, and the median told.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmnp.settings.local")

import django

django.setup()

from django.contrib import admin  # noqa: E402 -- Django must be set up first
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.template.response import TemplateResponse  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from bookings.models import Booking, Notary  # noqa: E402
from bookings.slots import free_slots  # noqa: E402
from hmnp.accounts.tests.desk_door import open_desk  # noqa: E402
from hmnp.core.times import local_date  # noqa: E402
from hmnp.dev.history.plan import served_zips  # noqa: E402
from services.catalogue import require_service  # noqa: E402

_HOUSTON = ZoneInfo("America/Chicago")
_TIMES = 21
_BY_DAY = range(8, 20)
_LIST = "/admin/bookings/booking/"
# Made once, as a server is: it loads the middleware and looks for every static file.
_client = Client(headers={"Host": "127.0.0.1"})


def _median_ms(do: Callable[[Any], Any], over: Iterable[Any]) -> float:
    took = []
    for one in over:
        begun = time.perf_counter()
        do(one)
        took.append(1000 * (time.perf_counter() - begun))
    # The first ones pay for what is loaded and planned once.
    return round(median(took[3:]), 2)


def _now() -> datetime:
    return datetime.now(tz=_HOUSTON)


def availability_ms() -> float:
    """Count the free times of a day and place, the cache left aside."""
    service = require_service(id_or_slug="standard-notary")
    zips, day = served_zips(service), local_date(_now(), zone=_HOUSTON)
    asked = [(zips[n % len(zips)], day + timedelta(days=2 + n % 5)) for n in range(_TIMES)]
    return _median_ms(
        lambda one: free_slots(
            service=service, zip_code=one[0], first_day=one[1], days=1, now=_now()
        ),
        asked,
    )


def availability_with_one_notary_ms() -> float:
    """The same with one notary of them all, as if the others had left."""
    able = Notary.objects.filter(is_active=True, skills__slug="standard-notary")
    others = Notary.objects.exclude(pk=able.order_by("pk")[0].pk)
    active = list(others.filter(is_active=True).values_list("pk", flat=True))
    others.update(is_active=False)
    try:
        return availability_ms()
    finally:
        Notary.objects.filter(pk__in=active).update(is_active=True)


def _starts() -> list[str]:
    """Give free times by day, when all notaries work, an hour apart."""
    service = require_service(id_or_slug="ron")
    day = local_date(_now(), zone=_HOUSTON) + timedelta(days=3)
    slots = free_slots(service=service, zip_code=None, first_day=day, days=3, now=_now())
    local = [slot.starts_at.astimezone(_HOUSTON) for slot in slots]
    return [one.isoformat() for one in local if one.hour in _BY_DAY and not one.minute][:_TIMES]


def _post(path: str, body: dict[str, Any]) -> None:
    answer = _client.post(
        path,
        body,
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid4())},
    )
    if answer.status_code != 201:
        raise RuntimeError(answer.content.decode())


def hold_ms() -> float:
    """Hold times, at the API."""
    path = "/api/v2/availability/hold"
    return _median_ms(lambda one: _post(path, {"serviceId": "ron", "startTime": one}), _starts())


def booking_ms() -> float:
    """Book times, at the API."""
    body = {
        "serviceId": "ron",
        "customerName": "Ana María Ruiz",
        "customerEmail": "ana.ruiz@example.com",
        "customerPhone": "(713) 555-0188",
        "termsAccepted": True,
    }
    return _median_ms(
        lambda one: _post("/api/v2/bookings", body | {"scheduledDateTime": one}), _starts()
    )


class _Plain(admin.ModelAdmin[Booking]):
    """What one gets from Django without a thought, with our columns."""

    list_display = ("reference", "status", "starts_at", "customer_name", "service", "notary")
    search_fields = ("reference", "customer_name", "customer_email", "customer_phone")
    date_hierarchy = "starts_at"


def desk() -> dict[str, Any]:
    """Open the list of bookings and search in it: ours, and a default ModelAdmin."""
    user, _ = get_user_model().objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(headers={"Host": "127.0.0.1"})
    open_desk(client, user)

    def get(path: str) -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")

    plain = _Plain(Booking, admin.AdminSite())
    factory = RequestFactory()

    def get_plain(query: str) -> None:
        request: HttpRequest = factory.get(f"/{query}")
        request.user = user
        answer = plain.changelist_view(request)
        if isinstance(answer, TemplateResponse):
            answer.render()

    few = range(7)
    with CaptureQueriesContext(connection) as said:
        get(_LIST)
    # Before the next request empties the log of them.
    statements = len(said.captured_queries)
    return {
        "list_ms": _median_ms(lambda _: get(_LIST), few),
        "list_statements": statements,
        "search_ms": _median_ms(lambda _: get(f"{_LIST}?q=Garcia"), few),
        "search_email_ms": _median_ms(lambda _: get(f"{_LIST}?q=ana.garcia.17%40history"), few),
        "plain_list_ms": _median_ms(lambda _: get_plain(""), few),
        "plain_search_ms": _median_ms(lambda _: get_plain("?q=Garcia"), few),
    }


def main() -> None:
    """Do everything once, the harmless things first."""
    cache.clear()
    found: dict[str, Any] = {
        "bookings": Booking.objects.count(),
        "notaries": Notary.objects.filter(is_active=True).count(),
        "availability_ms": availability_ms(),
        "availability_one_notary_ms": availability_with_one_notary_ms(),
        "hold_ms": hold_ms(),
        "booking_ms": booking_ms(),
    }
    try:
        found |= desk()
    except Exception as problem:  # noqa: BLE001 -- the rest is worth telling without it
        found["desk_problem"] = f"{type(problem).__name__}: {problem}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
