"""Who calls the API in tests, and what they send."""

from __future__ import annotations

from typing import Any

from django.test import Client

from bookings.models import Booking
from hmnp.accounts.models import Partner, PartnerApiKey, Scope, Terms
from hmnp.accounts.tests.desk_door import a_staff_user, open_desk
from hmnp.core import tokens

API = "/api/v2"
SHAPE = {"code", "message", "requestId", "timestamp"}


def body(**changes: Any) -> dict[str, Any]:
    """Give a booking to make: a standard notary in League City, Tuesday at ten."""
    whole = {
        "serviceId": "standard-notary",
        "scheduledDateTime": "2027-03-02T10:00:00-06:00",
        "customerName": "Ada Customer",
        "customerEmail": "ada@example.com",
        "customerPhone": "(713) 555-0123",
        "address": {"street": "1 Main St", "city": "League City", "state": "TX", "zip": "77573"},
        "termsAccepted": True,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def ron_body(**changes: Any) -> dict[str, Any]:
    """Give a remote session to book at the same time."""
    return body(**{"serviceId": "ron", "address": ..., **changes})


def hold_body(**changes: Any) -> dict[str, Any]:
    """Give a hold for the same."""
    whole = {
        "serviceId": "standard-notary",
        "startTime": "2027-03-02T10:00:00-06:00",
        "zip": "77573",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


class Caller:
    """Somebody with a browser or a program, and their credentials."""

    def __init__(self, authorization: str = "", client: Client | None = None) -> None:
        self.client = client or Client()
        self.authorization = authorization

    def _call(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Any:
        if self.authorization:
            headers = {"Authorization": self.authorization, **headers}
        kwargs: dict[str, Any] = {"headers": headers}
        if method == "get":
            kwargs["data"] = data
        elif data is not None:
            kwargs |= {"data": data, "content_type": "application/json"}
        return getattr(self.client, method)(f"{API}{path}", **kwargs)

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self._call("get", path, query, _headers(headers))

    def post(self, path: str, data: Any, **headers: str) -> Any:
        return self._call("post", path, data, _headers(headers))

    def put(self, path: str, data: Any, **headers: str) -> Any:
        return self._call("put", path, data, _headers(headers))

    def patch(self, path: str, data: Any, **headers: str) -> Any:
        return self._call("patch", path, data, _headers(headers))

    def delete(self, path: str, **headers: str) -> Any:
        return self._call("delete", path, None, _headers(headers))

    def book(self, **changes: Any) -> Any:
        """Book and give the answer's body."""
        answer = self.post("/bookings", body(**changes))
        assert answer.status_code == 201, answer.content
        return answer.json()

    def hold(self, **changes: Any) -> Any:
        """Hold and give the answer's body."""
        answer = self.post("/availability/hold", hold_body(**changes))
        assert answer.status_code == 201, answer.content
        return answer.json()


def _headers(named: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}


def anyone() -> Caller:
    return Caller()


def customer_of(booking: Booking | str) -> Caller:
    """Give the customer with the access token of a booking."""
    row = booking if isinstance(booking, Booking) else Booking.objects.get(pk=booking)
    token = tokens.derive(
        purpose=tokens.ACCESS, subject_id=row.pk, generation=row.access_generation
    )
    return Caller(f"Bearer {token.text}")


def partner_caller(
    name: str = "Gulf Title",
    *,
    terms: Terms = Terms.STATEMENT,
    scopes: list[str] | None = None,
) -> Caller:
    """Give a partner's program, with all scopes unless some are named."""
    partner, _ = Partner.objects.get_or_create(name=name, defaults={"terms": terms})
    wanted = [scope.value for scope in Scope] if scopes is None else scopes
    _, key = PartnerApiKey.objects.create_key(name="k", partner=partner, scopes=wanted)
    return Caller(f"Api-Key {key}")


def staff_caller() -> Caller:
    """Give a signed-in staff member's browser."""
    client = Client()
    open_desk(client, a_staff_user("desk", "accounts.use_api"))
    return Caller(client=client)


def refusal(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Give an answer's error after checking what all of them share."""
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "no-store"
    whole = answer.json()
    assert set(whole) == {"error"}
    error: dict[str, Any] = whole["error"]
    assert SHAPE <= set(error) <= SHAPE | {"field", "details"}
    assert error["code"] == code, error
    assert error["requestId"] == answer["X-Request-Id"]
    return error


def faults(answer: Any) -> dict[str, str]:
    """Give the faults of a refused request, field by field."""
    error = refusal(answer, 400, "VALIDATION_ERROR")
    found = error["details"]["errors"]
    assert all(set(fault) == {"field", "code", "message"} for fault in found)
    assert error.get("field") == found[0]["field"]
    by_field = {fault["field"]: fault["code"] for fault in found}
    assert len(by_field) == len(found), found
    return by_field
