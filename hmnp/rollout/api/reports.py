"""Where V1 reports what it writes, and where it asks whom V2 serves."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ParseError

from hmnp.core.api.errors import as_domain_error, error_headers
from hmnp.core.api.parsers import parse_object
from hmnp.core.errors import (
    DomainError,
    Fault,
    MethodNotAllowed,
    PayloadTooLarge,
    ValidationFailed,
)
from hmnp.rollout.api.base import Gone, v1_error
from hmnp.rollout.mirror import Reported, Taken, check_signature, take_reports
from hmnp.rollout.states import Capability, Table
from hmnp.rollout.switches import is_v1_there, uses_v2
from hmnp.rollout.v1.values import pick

_MOST_BYTES = 262_144
_MOST_EVENTS = 100
_ID = re.compile(r"[!-~]{1,191}")


@csrf_exempt
def mirror(request: HttpRequest) -> HttpResponse:
    """Take V1's signed report: `{"events": [{"table", "row", "deleted"?}]}`, at most a hundred."""
    try:
        return _take(request)
    except (DomainError, ParseError) as raised:
        error = as_domain_error(raised)
        return JsonResponse(v1_error(error), status=error.status, headers=error_headers(error))


def _take(request: HttpRequest) -> HttpResponse:
    if settings.V1_ROUTES_GONE:
        raise Gone
    if request.method != "POST":
        raise MethodNotAllowed
    body = request.read(_MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise PayloadTooLarge
    check_signature(header=request.headers.get("X-V1-Signature", ""), body=body)
    taken = take_reports(reports=_reports(parse_object(body)), now=timezone.now())
    return JsonResponse({"received": len(taken), "results": [_result(one) for one in taken]})


def _reports(body: dict[str, Any]) -> list[Reported]:
    events = body.get("events")
    if not isinstance(events, list) or not 1 <= len(events) <= _MOST_EVENTS:
        raise ValidationFailed(Fault("events", "invalid", "Give 1 to 100 events."))
    faults, reports = [], []
    for number, event in enumerate(events):
        row = event.get("row") if isinstance(event, dict) else None
        table = event.get("table") if isinstance(event, dict) else None
        if table not in set(Table) or not isinstance(row, dict):
            faults.append(Fault(f"events.{number}", "invalid", "Give a known table and its row."))
        elif pick(row, "id") is None or not _ID.fullmatch(str(row["id"])):
            faults.append(Fault(f"events.{number}.row.id", "required", "The row has no id."))
        else:
            reports.append(Reported(Table(table), row, event.get("deleted") is True))
    if faults:
        raise ValidationFailed(*faults)
    return reports


def _result(taken: Taken) -> dict[str, Any]:
    found = asdict(taken)
    return {
        "table": found["table"],
        "id": found["v1_id"],
        "outcome": found["state"],
        "bookingId": found["booking_id"] or None,
        "conflict": found["is_conflict"],
        "reason": found["reason"] or None,
    }


def switches(request: HttpRequest) -> HttpResponse:
    """Tell, for this visitor, what V2 serves: for a proxy or a front end that must know."""
    decided = {
        capability.value: uses_v2(capability=capability, request=request)
        for capability in Capability
    }
    return JsonResponse(
        {"v1IsThere": is_v1_there(), "v2": decided}, headers={"Cache-Control": "no-store"}
    )
