"""The catalogue over HTTP: shapes, faults, caching, and that the schema says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework import serializers

from services.api.serializers import (
    PricingCalculationSerializer,
    ServiceDefinitionSerializer,
    ServiceListSerializer,
)
from services.models import Service
from services.quotes import promised_cents
from services.tests.fixtures import Catalogue

START = "2030-12-10T10:00:00-06:00"  # a Tuesday
UNKNOWN_ID = "5f0c1d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f"
ADDRESS = {"street": "901 Bagby St", "city": "Houston", "state": "tx", "zip": "77002"}


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    """Every test here asks at ten on 2 December 2030, a Monday."""
    with time_machine.travel("2030-12-02T16:00:00Z", tick=False):
        yield


def get(client: Client, **query: Any) -> Any:
    return client.get("/api/v2/services/pricing", query)


def post(client: Client, **body: Any) -> Any:
    return client.post("/api/v2/services/pricing", body, content_type="application/json")


def faults(response: Any) -> list[tuple[str | None, str]]:
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["code"] == "VALIDATION_ERROR"
    found = [(fault["field"], fault["code"]) for fault in error["details"]["errors"]]
    assert error.get("field") == found[0][0]
    return found


def assert_described(serializer: serializers.Serializer[Any], body: dict[str, Any]) -> None:
    """Hold the names of an answer against the serializer that describes it, all the way down."""
    assert set(body) == set(serializer.fields)
    for name, field in serializer.fields.items():
        child = field.child if isinstance(field, serializers.ListSerializer) else field
        if isinstance(child, serializers.Serializer):
            values = body[name] if isinstance(body[name], list) else [body[name]]
            for value in values:
                if value is not None:
                    assert_described(child, value)
        elif body[name] is None:
            assert field.allow_null
        elif isinstance(child, serializers.ChoiceField):
            assert body[name] in child.choices


# --- Services ----------------------------------------------------------------------------------


def test_the_services_on_offer(catalogue: Catalogue, client: Client) -> None:
    Service.objects.filter(slug="loan-signing").update(is_active=False)
    response = client.get("/api/v2/services")
    assert response.status_code == 200
    body = response.json()
    assert [service["slug"] for service in body["data"]] == [
        "standard-notary",
        "extended-hours",
        "ron",
    ]
    assert body["nextCursor"] is None
    assert_described(ServiceListSerializer(), body)


def test_one_service_by_id_or_slug(
    catalogue: Catalogue, client: Client, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        by_slug = client.get("/api/v2/services/standard-notary").json()
    assert client.get(f"/api/v2/services/{catalogue.standard.id}").json() == by_slug
    assert_described(ServiceDefinitionSerializer(), by_slug)
    assert by_slug["basePrice"] == 85
    assert by_slug["depositAmount"] == 42.5
    assert by_slug["depositRule"] == {"kind": "PERCENT", "value": 50}
    area = by_slug["serviceArea"]
    assert area["centerPoint"] == {"lat": 29.3891, "lng": -94.9942}
    assert (area["standardRadius"], area["extendedRadius"]) == (20, 50)
    assert area["travelBands"][-1] == {"overMiles": 40, "upToMiles": 50, "fee": 65}
    assert by_slug["hours"][0] == {"weekday": 1, "opens": "09:00", "closes": "17:00"}
    kinds = {rule["kind"] for rule in by_slug["businessRules"]}
    assert kinds == {
        "LEAD_TIME",
        "HORIZON",
        "SURCHARGE",
        "EXTRA_SIGNER",
        "EXTRA_DOCUMENT",
        "CANCEL_TIER",
    }
    assert [row["name"] for row in by_slug["integrations"]] == [
        "stripe",
        "google_calendar",
        "ghl",
    ]
    assert by_slug["timezone"] == "America/Chicago"


def test_the_online_service_has_no_area_and_is_paid_in_full(
    catalogue: Catalogue, client: Client
) -> None:
    body = client.get("/api/v2/services/ron").json()
    assert body["serviceArea"] is None
    assert body["depositRule"] == {"kind": "FULL", "value": 100}
    assert body["depositAmount"] == 35
    assert body["hours"][6] == {"weekday": 7, "opens": "00:00", "closes": "24:00"}
    assert "proof" in [row["name"] for row in body["integrations"]]


def test_a_fixed_deposit_is_given_in_dollars(catalogue: Catalogue, client: Client) -> None:
    Service.objects.filter(slug="ron").update(deposit_kind="FIXED", deposit_value=2050)
    body = client.get("/api/v2/services/ron").json()
    assert body["depositRule"] == {"kind": "FIXED", "value": 20.5}
    assert body["depositAmount"] == 20.5
    Service.objects.filter(slug="ron").update(deposit_kind="NONE", deposit_value=0)
    body = client.get("/api/v2/services/ron").json()
    assert body["depositRule"] == {"kind": "NONE", "value": 0}
    assert (body["depositRequired"], body["depositAmount"]) == (False, 0)


def test_the_contract_of_both_is_in_the_schema(client: Client, db: None) -> None:
    schema = client.get("/api/v2/schema", headers={"Accept": "application/json"})
    assert schema.status_code == 200
    text = schema.content.decode()
    for operation in ("listServices", "getService", "getPrice", "calculatePrice"):
        assert operation in text


@pytest.mark.parametrize("name", ["nothing", UNKNOWN_ID, "a.b", "RON", "%00"])
def test_a_service_that_is_not_there_is_404(
    catalogue: Catalogue, client: Client, name: str
) -> None:
    response = client.get(f"/api/v2/services/{name}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "SERVICE_NOT_FOUND"


def test_an_inactive_service_is_404(catalogue: Catalogue, client: Client) -> None:
    Service.objects.filter(slug="ron").update(is_active=False)
    assert client.get("/api/v2/services/ron").status_code == 404


def test_the_catalogue_may_be_kept_and_is_asked_again_by_its_tag(
    catalogue: Catalogue, client: Client
) -> None:
    first = client.get("/api/v2/services")
    assert first["Cache-Control"] == "public, max-age=60"
    for tag in (first["ETag"], f"W/{first['ETag']}", '"other", ' + first["ETag"]):
        again = client.get("/api/v2/services", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == first["ETag"]
    Service.objects.filter(slug="ron").update(base_price_cents=3400)
    changed = client.get("/api/v2/services", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_changes_the_catalogue_here(
    catalogue: Catalogue, client: Client, method: str
) -> None:
    for path in ("/api/v2/services/ron",):
        response = getattr(client, method)(path)
        assert response.status_code == 405
        assert response.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


# --- Prices ------------------------------------------------------------------------------------


def test_a_price_by_zip(catalogue: Catalogue, client: Client) -> None:
    response = get(
        client,
        serviceId=catalogue.standard.id,
        scheduledDateTime=START,
        zip="77002",
        signers=3,
        documents=6,
    )
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert_described(PricingCalculationSerializer(), body)
    assert body["serviceId"] == str(catalogue.standard.id)
    assert (body["finalPrice"], body["depositRequired"]) == (155, 77.5)
    assert body["distanceMiles"] == 33.67
    assert body["moveFee"] == 0
    assert [(line["type"], line["amount"]) for line in body["breakdown"]] == [
        ("statutory", 44),
        ("base", 41),
        ("fee", 20),
        ("fee", 5),
        ("fee", 45),
    ]
    assert promised_cents(token=body["quoteToken"]) == 15500
    assert body["expiresAt"] == "2030-12-02T10:30:00-06:00"


def test_an_address_and_its_zip_cost_the_same(catalogue: Catalogue, client: Client) -> None:
    asked = {"serviceId": str(catalogue.standard.id), "scheduledDateTime": START}
    by_address = post(client, **asked, address={**ADDRESS, "unit": "4"}).json()
    by_zip = post(client, **asked, zip="77002-1234").json()
    by_query = get(client, **asked, zip="77002").json()
    same = [{**body, "quoteToken": ""} for body in (by_address, by_zip, by_query)]
    assert same[0] == same[1] == same[2]
    assert "Bagby" not in json.dumps(by_address)


def test_online_there_is_no_distance(catalogue: Catalogue, client: Client) -> None:
    body = get(client, serviceId="ron", scheduledDateTime=START, signers=2, documents=3).json()
    assert body["distanceMiles"] is None
    assert body["finalPrice"] == body["depositRequired"] == 58
    assert {line["type"] for line in body["breakdown"]} == {"statutory"}


def test_a_promo_code_is_a_negative_line(catalogue: Catalogue, client: Client) -> None:
    body = get(client, serviceId="ron", scheduledDateTime=START, promoCode="welcome10").json()
    assert body["promoDiscount"] == 3.5
    assert body["breakdown"][-1] == {
        "code": "PROMO",
        "label": "Promo code WELCOME10",
        "type": "discount",
        "amount": -3.5,
    }
    assert body["finalPrice"] == 31.5


def test_a_refused_promo_code_says_why(catalogue: Catalogue, client: Client) -> None:
    response = get(client, serviceId="ron", scheduledDateTime=START, promoCode="CLOSING25")
    assert response.status_code == 422
    error = response.json()["error"]
    assert (error["code"], error["field"]) == ("PROMO_INVALID", "promoCode")
    assert error["details"] == {"reason": "OTHER_SERVICE"}


@pytest.mark.parametrize(
    ("zip_code", "code"),
    [
        ("77450", "OUT_OF_SERVICE_AREA"),
        ("78701", "OUT_OF_SERVICE_AREA"),
        ("00000", "UNKNOWN_ZIP"),
        ("77352", "UNKNOWN_ZIP"),
    ],
)
def test_a_place_we_do_not_go_to_has_no_price(
    catalogue: Catalogue, client: Client, zip_code: str, code: str
) -> None:
    asked = {"serviceId": "standard-notary", "scheduledDateTime": START}
    by_query = get(client, **asked, zip=zip_code)
    by_address = post(client, **asked, address={**ADDRESS, "zip": zip_code})
    for response, field in ((by_query, "zip"), (by_address, "address.zip")):
        assert response.status_code == 422
        error = response.json()["error"]
        assert (error["code"], error["field"]) == (code, field)


@pytest.mark.parametrize("service_id", ["nothing", UNKNOWN_ID, "not a uuid"])
def test_an_unknown_service_is_400(catalogue: Catalogue, client: Client, service_id: str) -> None:
    response = get(client, serviceId=service_id, scheduledDateTime=START)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["field"]) == ("INVALID_SERVICE", "serviceId")


def test_an_inactive_service_is_400(catalogue: Catalogue, client: Client) -> None:
    Service.objects.filter(slug="ron").update(is_active=False)
    response = get(client, serviceId="ron", scheduledDateTime=START)
    assert response.json()["error"]["code"] == "INVALID_SERVICE"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [("serviceId", "required"), ("scheduledDateTime", "required")]),
        ({"zip": "", "x": "1"}, [("zip", "blank"), ("x", "unknown")]),
        ({"zip": "7700"}, [("zip", "invalid")]),
        ({"scheduledDateTime": "2030-12-10T03:07:00Z"}, []),
        ({"signers": "0"}, [("signers", "min_value")]),
        (
            {"signers": "11", "documents": "21"},
            [("signers", "max_value"), ("documents", "max_value")],
        ),
        ({"signers": "two"}, [("signers", "invalid")]),
        ({"scheduledDateTime": "2030-12-10T10:00:00"}, [("scheduledDateTime", "offset_required")]),
        ({"scheduledDateTime": "soon"}, [("scheduledDateTime", "invalid")]),
        (
            {"scheduledDateTime": "2031-03-09T02:30:00-06:00"},
            [("scheduledDateTime", "nonexistent")],
        ),
        ({"scheduledDateTime": "2030-12-02T10:00:00-06:00"}, [("scheduledDateTime", "past")]),
        ({"scheduledDateTime": "2033-12-31T23:59:59Z"}, [("scheduledDateTime", "too_far")]),
        (
            {"signers": "x", "zip": "1", "documents": "99"},
            [("zip", "invalid"), ("signers", "invalid"), ("documents", "max_value")],
        ),
    ],
)
def test_every_fault_of_a_query_is_named(
    catalogue: Catalogue,
    client: Client,
    query: dict[str, str],
    found: list[tuple[str, str]],
) -> None:
    whole = {"serviceId": "standard-notary", "scheduledDateTime": START, "zip": "77002"}
    asked = query if found and found[0][0] == "serviceId" else {**whole, **query}
    response = get(client, **asked)
    if not found:
        assert response.status_code == 200
        return
    assert faults(response) == found


def test_a_repeated_parameter_is_refused(catalogue: Catalogue, client: Client) -> None:
    response = client.get(
        f"/api/v2/services/pricing?serviceId=ron&scheduledDateTime={START}&signers=1&signers=2"
    )
    assert faults(response) == [("signers", "repeated")]


def test_an_address_never_goes_into_a_url(catalogue: Catalogue, client: Client) -> None:
    response = get(
        client, serviceId="standard-notary", scheduledDateTime=START, zip="77002", address="x"
    )
    assert faults(response) == [("address", "unknown")]


@pytest.mark.parametrize(
    ("service", "body", "found"),
    [
        ("standard-notary", {}, [("zip", "required")]),
        ("standard-notary", {"address": "Main St"}, [("address", "invalid")]),
        (
            "standard-notary",
            {"address": {"zip": "77002", "country": "US"}},
            [
                ("address.street", "required"),
                ("address.city", "required"),
                ("address.state", "required"),
                ("address.country", "unknown"),
            ],
        ),
        ("standard-notary", {"address": {**ADDRESS, "zip": "x"}}, [("address.zip", "invalid")]),
        ("standard-notary", {"address": ADDRESS, "zip": "77002"}, [("zip", "not_accepted")]),
        ("standard-notary", {"zip": 77002}, [("zip", "invalid")]),
        (
            "standard-notary",
            {"address": {**ADDRESS, "state": "Texas"}},
            [("address.state", "invalid")],
        ),
        ("ron", {"zip": "77002"}, [("zip", "not_accepted")]),
        ("ron", {"address": ADDRESS}, [("address", "not_accepted")]),
        ("ron", {"signers": "2"}, [("signers", "invalid")]),
        ("ron", {"signers": True}, [("signers", "invalid")]),
        ("ron", {"documents": 1.0}, [("documents", "invalid")]),
        ("ron", {"finalPrice": 1}, [("finalPrice", "unknown")]),
        ("nothing", {"signers": 0}, [("signers", "min_value"), ("serviceId", "INVALID_SERVICE")]),
        (5, {}, [("serviceId", "invalid")]),
    ],
)
def test_every_fault_of_a_body_is_named(
    catalogue: Catalogue,
    client: Client,
    service: Any,
    body: dict[str, Any],
    found: list[tuple[str, str]],
) -> None:
    assert faults(post(client, serviceId=service, scheduledDateTime=START, **body)) == found


def test_a_body_that_is_no_json_is_refused_without_a_field(
    catalogue: Catalogue, client: Client
) -> None:
    response = client.post("/api/v2/services/pricing", "{", content_type="application/json")
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert "field" not in error


def test_another_media_type_is_refused(catalogue: Catalogue, client: Client) -> None:
    response = client.post("/api/v2/services/pricing", {"serviceId": "ron"})
    assert response.status_code == 415


def test_a_price_is_two_statements_with_a_promo_code(
    catalogue: Catalogue, client: Client, django_assert_num_queries: Any
) -> None:
    asked = {"serviceId": "standard-notary", "scheduledDateTime": START, "zip": "77002"}
    with django_assert_num_queries(1):
        get(client, **asked)
    with django_assert_num_queries(2):
        get(client, **asked, promoCode="WELCOME10")
