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

from django.contrib.auth import get_user_model  # noqa: E402 -- Django must be set up first
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks import plain_admin  # noqa: E402
from bookings.models import Booking, Notary  # noqa: E402
from bookings.slots import free_slots  # noqa: E402
from hmnp.accounts.tests.desk_door import open_desk  # noqa: E402
from hmnp.core.times import local_date  # noqa: E402
from hmnp.dev.history.plan import served_zips  # noqa: E402
from services.catalogue import require_service  # noqa: E402

_HOUSTON = ZoneInfo("America/Chicago")
_TIMES = 21
_ROUNDS = 12
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


def desk() -> dict[str, Any]:
    """Open what staff open all day, and the same list and search of a default ModelAdmin.

    One round asks for each once, so that what the machine does meanwhile meets all alike. Wall
    clock, and the processor time of this process beside it for the lists.
    """
    user, _ = get_user_model().objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(headers={"Host": "127.0.0.1"})
    open_desk(client, user)
    booking = Booking.objects.filter(notary__isnull=False).order_by("-starts_at")[500:][:1].get()
    pages = {
        "list": _LIST,
        "list_deep": f"{_LIST}?p={min(100, Booking.objects.count() // 50)}",
        "list_filtered": f"{_LIST}?status__exact=COMPLETED&notary__id__exact={booking.notary_id}",
        "search": f"{_LIST}?q=Garcia",
        "search_email": f"{_LIST}?q=ana.garcia.17%40history",
        "search_phone": f"{_LIST}?q={str(booking.customer_phone)[-7:]}",
        "today": "/admin/",
        "week": f"/admin/week/?notary={booking.notary_id}",
        "page": f"{_LIST}{booking.pk}/change/",
        "payments": "/admin/payments/payment/",
        "jobs": "/admin/integrations/outboxjob/",
        "plain_list": plain_admin.LIST,
        "plain_search": f"{plain_admin.LIST}?q=Garcia",
    }
    said: dict[str, Any] = {}
    for name in ("list", "search", "today", "page"):
        _get(client, pages[name])
        with CaptureQueriesContext(connection) as asked:
            _get(client, pages[name])
        # Before the next request empties the log of them.
        said[f"{name}_statements"] = len(asked.captured_queries)
    wall: dict[str, list[float]] = {name: [] for name in pages}
    busy: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(_ROUNDS):
        for name, path in pages.items():
            begun, begun_busy = time.perf_counter(), time.process_time()
            _get(client, path)
            wall[name].append(1000 * (time.perf_counter() - begun))
            busy[name].append(1000 * (time.process_time() - begun_busy))
    # The first round pays for what is loaded and planned once.
    said |= {f"{name}_ms": round(median(took[1:]), 1) for name, took in wall.items()}
    return said | {
        f"{name}_cpu_ms": round(median(busy[name][1:]), 1) for name in ("list", "search")
    }


def _get(client: Client, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")


def main() -> None:
    """Do everything once, the harmless things first."""
    plain_admin.install()
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
