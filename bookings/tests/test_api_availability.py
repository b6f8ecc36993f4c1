"""Free times and holds over HTTP, by the contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from bookings.models import Blackout, SlotClaim
from bookings.tests.callers import (
    anyone,
    body,
    faults,
    hold_body,
    partner_caller,
    refusal,
    ron_body,
)
from bookings.tests.factories import NOW, a_notary
from hmnp.core.models import IdempotencyRecord
from services.api.serializers import PricingCalculationSerializer
from services.models import Service
from services.tests.fixtures import Catalogue

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ASKED = {"serviceId": "standard-notary", "date": "2027-03-02", "zip": "77573"}
HELD = {
    "holdId",
    "holdToken",
    "serviceId",
    "startTime",
    "endTime",
    "expiresAt",
    "maxExpiresAt",
    "serverTime",
    "timezone",
    "pricing",
}


@pytest.fixture(autouse=True)
def _world(catalogue: Catalogue) -> Iterator[None]:
    a_notary()
    with time_machine.travel(NOW, tick=False):
        yield


class TestFreeTimes:
    """`GET /availability`."""

    def test_the_answer_has_just_these_names(self, catalogue: Catalogue) -> None:
        answer = anyone().get("/availability", ASKED)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "private, no-cache"
        found = answer.json()
        slots = found.pop("slots")
        assert found == {
            "serviceId": str(catalogue.standard.id),
            "timezone": "America/Chicago",
            "date": "2027-03-02",
            "days": 1,
        }
        assert slots[0] == {
            "startTime": "2027-03-02T09:00:00-06:00",
            "endTime": "2027-03-02T10:00:00-06:00",
        }
        assert len(slots) == 15

    def test_another_zone_writes_the_same_instants(self) -> None:
        here = anyone().get("/availability", ASKED).json()["slots"]
        there = anyone().get("/availability", {**ASKED, "timezone": "Asia/Kolkata"}).json()
        assert there["timezone"] == "Asia/Kolkata"
        assert there["slots"][0]["startTime"] == "2027-03-02T20:30:00+05:30"
        assert [datetime.fromisoformat(slot["startTime"]) for slot in there["slots"]] == [
            datetime.fromisoformat(slot["startTime"]) for slot in here
        ]

    def test_what_is_held_is_gone(self) -> None:
        anyone().hold()
        starts = [
            slot["startTime"] for slot in anyone().get("/availability", ASKED).json()["slots"]
        ]
        assert "2027-03-02T10:00:00-06:00" not in starts
        assert "2027-03-02T14:00:00-06:00" in starts

    @pytest.mark.parametrize("days", [1, 14])
    def test_two_statements_for_any_range_and_number_of_notaries(
        self, django_assert_num_queries: DjangoAssertNumQueries, days: int
    ) -> None:
        for _ in range(10):
            a_notary(home_zip="77058")
        with django_assert_num_queries(2):
            answer = anyone().get("/availability", {**ASKED, "days": days})
        assert answer.status_code == 200

    def test_past_days_are_empty(self) -> None:
        past = anyone().get("/availability", {**ASKED, "date": "2020-01-01", "days": 14})
        assert past.json()["slots"] == []

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"serviceId": None}, {"serviceId": "required"}),
            ({"date": None}, {"date": "required"}),
            ({"date": "soon"}, {"date": "invalid"}),
            ({"date": "0001-01-01"}, {"date": "out_of_range"}),
            ({"date": "9999-12-31"}, {"date": "out_of_range"}),
            ({"days": 0}, {"days": "min_value"}),
            ({"days": 15}, {"days": "max_value"}),
            ({"days": "x"}, {"days": "invalid"}),
            ({"zip": None}, {"zip": "required"}),
            ({"zip": "7757"}, {"zip": "invalid"}),
            ({"zip": "77573-12345"}, {"zip": "invalid"}),
            ({"timezone": "Mars/Olympus"}, {"timezone": "invalid"}),
            ({"timezone": "../etc/passwd"}, {"timezone": "invalid"}),
            ({"colour": "red"}, {"colour": "unknown"}),
            ({"serviceId": "ron"}, {"zip": "not_accepted"}),
            (
                {"date": "x", "days": 99, "zip": "x", "timezone": "x", "colour": "x"},
                {
                    "date": "invalid",
                    "days": "max_value",
                    "zip": "invalid",
                    "timezone": "invalid",
                    "colour": "unknown",
                },
            ),
        ],
    )
    def test_faults_are_listed_all_at_once(
        self, changes: dict[str, Any], expected: dict[str, str]
    ) -> None:
        asked = {k: v for k, v in {**ASKED, **changes}.items() if v is not None}
        assert faults(anyone().get("/availability", asked)) == expected

    def test_a_parameter_given_twice_is_refused(self) -> None:
        query = "serviceId=ron&serviceId=standard-notary&date=2027-03-02"
        answer = anyone().client.get(f"/api/v2/availability?{query}")
        assert faults(answer)["serviceId"] == "repeated"

    @pytest.mark.parametrize("name", ["nonsense", "00000000-0000-4000-8000-000000000000"])
    def test_an_unknown_service_has_its_own_code(self, name: str) -> None:
        answer = anyone().get("/availability", {**ASKED, "serviceId": name})
        assert refusal(answer, 400, "INVALID_SERVICE")["field"] == "serviceId"

    def test_so_has_an_inactive_one(self) -> None:
        Service.objects.filter(slug="standard-notary").update(is_active=False)
        refusal(anyone().get("/availability", ASKED), 400, "INVALID_SERVICE")

    @pytest.mark.parametrize(
        ("zip_code", "code"), [("77450", "OUT_OF_SERVICE_AREA"), ("77352", "UNKNOWN_ZIP")]
    )
    def test_where_we_do_not_go(self, zip_code: str, code: str) -> None:
        answer = anyone().get("/availability", {**ASKED, "zip": zip_code})
        assert refusal(answer, 422, code)["field"] == "zip"

    def test_a_partner_needs_the_scope(self) -> None:
        refusal(partner_caller(scopes=[]).get("/availability", ASKED), 403, "FORBIDDEN")
        reader = partner_caller(scopes=["availability:read"])
        assert reader.get("/availability", ASKED).status_code == 200


class TestHold:
    """`POST /availability/hold`."""

    def test_a_new_hold_has_just_these_names(self, catalogue: Catalogue) -> None:
        answer = anyone().post("/availability/hold", hold_body())
        assert answer.status_code == 201
        assert answer["Cache-Control"] == "no-store"
        held = answer.json()
        assert set(held) == HELD
        assert set(held["pricing"]) == set(PricingCalculationSerializer().fields)
        claim = SlotClaim.objects.get()
        assert held["holdId"] == str(claim.pk)
        assert held["serviceId"] == str(catalogue.standard.id)
        assert held["startTime"] == "2027-03-02T10:00:00-06:00"
        assert held["endTime"] == "2027-03-02T11:00:00-06:00"
        assert datetime.fromisoformat(held["expiresAt"]) == claim.expires_at
        assert datetime.fromisoformat(held["maxExpiresAt"]) == claim.max_expires_at
        # By the database's clock, like the end: the difference is what a countdown shows.
        assert datetime.fromisoformat(held["serverTime"]) == claim.held_at
        assert held["pricing"]["finalPrice"] == 85.0

    def test_its_price_can_be_booked(self) -> None:
        held = anyone().hold()
        booked = anyone().book(
            holdId=held["holdId"],
            holdToken=held["holdToken"],
            quoteToken=held["pricing"]["quoteToken"],
            expectedFinalPrice=85.00,
        )
        assert booked["booking"]["pricing"]["finalPrice"] == 85.0
        assert SlotClaim.objects.count() == 1

    def test_the_token_moves_or_resumes_it(self) -> None:
        held = anyone().hold()
        again = anyone().post("/availability/hold", hold_body(holdToken=held["holdToken"]))
        assert (again.status_code, again.json()["holdId"]) == (200, held["holdId"])
        later = hold_body(startTime="2027-03-02T13:00:00-06:00", holdToken=held["holdToken"])
        moved = anyone().post("/availability/hold", later)
        assert moved.status_code == 200
        assert moved.json()["holdId"] == held["holdId"]
        assert moved.json()["holdToken"] == held["holdToken"]
        assert moved.json()["startTime"] == "2027-03-02T13:00:00-06:00"
        left = datetime.fromisoformat(moved.json()["expiresAt"]) - datetime.fromisoformat(
            moved.json()["serverTime"]
        )
        assert timedelta(minutes=4, seconds=30) < left <= timedelta(minutes=5)
        assert SlotClaim.objects.count() == 1

    def test_an_address_names_the_place_too(self) -> None:
        address = body()["address"]
        held = anyone().hold(zip=..., address=address)
        assert held["pricing"]["travelFee"] == 0
        assert SlotClaim.objects.get().customer_zip == "77573"

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"serviceId": ...}, {"serviceId": "required"}),
            ({"serviceId": 7}, {"serviceId": "invalid"}),
            ({"startTime": "2027-03-02T10:00:00"}, {"startTime": "offset_required"}),
            ({"startTime": "2027-03-14T02:30:00-06:00"}, {"startTime": "nonexistent"}),
            ({"startTime": "2026-03-02T10:00:00-06:00"}, {"startTime": "past"}),
            ({"startTime": "2099-03-02T10:00:00-06:00"}, {"startTime": "too_far"}),
            ({"startTime": 1772467200}, {"startTime": "invalid"}),
            ({"zip": ...}, {"zip": "required"}),
            ({"zip": "x"}, {"zip": "invalid"}),
            ({"zip": 77573}, {"zip": "invalid"}),
            ({"address": body()["address"]}, {"zip": "not_accepted"}),
            ({"serviceId": "ron"}, {"zip": "not_accepted"}),
            ({"signers": 11}, {"signers": "max_value"}),
            ({"signers": 0}, {"signers": "min_value"}),
            ({"signers": "2"}, {"signers": "invalid"}),
            ({"signers": True}, {"signers": "invalid"}),
            ({"documents": 21}, {"documents": "max_value"}),
            ({"price": 1}, {"price": "unknown"}),
            ({"expiresAt": "2027-03-02T10:00:00-06:00"}, {"expiresAt": "unknown"}),
            ({"quoteToken": "forged"}, {"quoteToken": "invalid"}),
            (
                {"startTime": "x", "zip": "x", "signers": 0, "documents": 0, "x": 1},
                {
                    "startTime": "invalid",
                    "zip": "invalid",
                    "signers": "min_value",
                    "documents": "min_value",
                    "x": "unknown",
                },
            ),
        ],
    )
    def test_faults_are_listed_all_at_once(
        self, changes: dict[str, Any], expected: dict[str, str]
    ) -> None:
        assert faults(anyone().post("/availability/hold", hold_body(**changes))) == expected
        assert not SlotClaim.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "status", "code", "field"),
        [
            ({"serviceId": "nonsense"}, 400, "INVALID_SERVICE", "serviceId"),
            ({"zip": "77450"}, 422, "OUT_OF_SERVICE_AREA", "zip"),
            ({"zip": "77352"}, 422, "UNKNOWN_ZIP", "zip"),
            (
                {"zip": ..., "address": {**body()["address"], "zip": "77450"}},
                422,
                "OUT_OF_SERVICE_AREA",
                "address.zip",
            ),
            ({"promoCode": "NOPE"}, 422, "PROMO_INVALID", "promoCode"),
            ({"holdToken": "nonsense"}, 404, "HOLD_NOT_FOUND", None),
        ],
    )
    def test_refusals(self, changes: Any, status: int, code: str, field: str | None) -> None:
        answer = anyone().post("/availability/hold", hold_body(**changes))
        assert refusal(answer, status, code).get("field") == field
        assert not SlotClaim.objects.exists()

    def test_a_taken_time_names_the_next_three(self) -> None:
        anyone().hold()
        error = refusal(anyone().post("/availability/hold", hold_body()), 409, "SLOT_TAKEN")
        alternatives = error["details"]["alternatives"]
        assert len(alternatives) == 3
        for slot in alternatives:
            assert set(slot) == {"startTime", "endTime"}
        anyone().hold(startTime=alternatives[0]["startTime"])

    @pytest.mark.parametrize(
        ("start", "reason"),
        [
            ("2027-03-01T09:30:00-06:00", "inside_notice"),
            ("2027-07-01T10:00:00-05:00", "beyond_horizon"),
            ("2027-03-02T08:30:00-06:00", "outside_hours"),
            ("2027-03-02T10:10:00-06:00", "off_grid"),
            ("2027-03-04T10:00:00-06:00", "blackout"),
        ],
    )
    def test_a_time_never_on_offer(self, start: str, reason: str) -> None:
        Blackout.objects.create(first_day="2027-03-04", last_day="2027-03-04", reason="party")
        answer = anyone().post("/availability/hold", hold_body(startTime=start))
        details = refusal(answer, 409, "SLOT_UNAVAILABLE")["details"]
        assert details["reason"] == reason
        assert len(details["alternatives"]) == (0 if reason == "beyond_horizon" else 3)

    def test_too_many_from_one_address(self, settings: Settings) -> None:
        settings.HOLDS_PER_ADDRESS = "1"
        anyone().hold()
        later = hold_body(startTime="2027-03-02T14:00:00-06:00")
        refusal(anyone().post("/availability/hold", later), 409, "TOO_MANY_HOLDS")
        assert SlotClaim.objects.count() == 1
        assert partner_caller().post("/availability/hold", later).status_code == 201

    def test_an_expired_hold_is_410_with_what_else_there_is(self) -> None:
        held = anyone().hold()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE bookings_slotclaim SET expires_at = %s", [LONG_AGO])
        for answer in (
            anyone().post("/availability/hold", hold_body(holdToken=held["holdToken"])),
            anyone().post("/bookings", body(holdId=held["holdId"], holdToken=held["holdToken"])),
        ):
            error = refusal(answer, 410, "HOLD_EXPIRED")
            assert len(error["details"]["alternatives"]) == 3
        # Its time is another's for the asking.
        assert anyone().hold()["holdId"] != held["holdId"]

    def test_an_intent_has_frozen_it(self) -> None:
        held = anyone().hold()
        SlotClaim.objects.update(intent_at=NOW)
        for changes, field in (
            ({"zip": "77058"}, "zip"),
            ({"startTime": "2027-03-02T13:00:00-06:00"}, "startTime"),
            ({"signers": 2}, "signers"),
        ):
            answer = anyone().post(
                "/availability/hold",
                hold_body(holdToken=held["holdToken"], **changes),
            )
            assert refusal(answer, 409, "PRICE_CHANGED")["field"] == field

    def test_a_partner_needs_the_scope(self) -> None:
        reader = partner_caller(scopes=["availability:read"])
        refusal(reader.post("/availability/hold", hold_body()), 403, "FORBIDDEN")
        assert not SlotClaim.objects.exists()


class TestKeyedHold:
    """With an `Idempotency-Key`."""

    KEY = "a-key-of-sixteen-or-more"

    def post(self, key: str = KEY, **changes: Any) -> Any:
        return anyone().post("/availability/hold", hold_body(**changes), Idempotency_Key=key)

    def test_the_first_answer_again_with_its_token(self) -> None:
        first, second = self.post(), self.post()
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert "Idempotent-Replayed" not in first.headers
        assert second["Idempotent-Replayed"] == "true"
        assert second["Cache-Control"] == "no-store"
        assert SlotClaim.objects.count() == 1

    def test_another_body_is_refused(self) -> None:
        self.post()
        refusal(self.post(signers=2), 422, "IDEMPOTENCY_KEY_REUSED")
        assert SlotClaim.objects.count() == 1

    def test_a_refusal_leaves_no_trace(self) -> None:
        assert faults(self.post(signers=99)) == {"signers": "max_value"}
        refusal(self.post(zip="77450"), 422, "OUT_OF_SERVICE_AREA")
        assert not IdempotencyRecord.objects.exists()
        assert self.post().status_code == 201

    @pytest.mark.parametrize(
        "key", ["x" * 15, "x" * 256, "", "spaces in a key are no good", "é" * 20]
    )
    def test_a_malformed_key_is_refused(self, key: str) -> None:
        assert faults(self.post(key)) == {"Idempotency-Key": "invalid"}
        assert not SlotClaim.objects.exists()

    @pytest.mark.parametrize("key", ["x" * 16, "x" * 255])
    def test_the_longest_and_the_shortest(self, key: str) -> None:
        assert self.post(key).status_code == 201


class TestRelease:
    """`DELETE /availability/hold/{id}`."""

    def test_the_time_is_free_at_once(self) -> None:
        held = anyone().hold()
        for _ in range(2):
            answer = anyone().delete(
                f"/availability/hold/{held['holdId']}", X_Hold_Token=held["holdToken"]
            )
            assert (answer.status_code, answer.content) == (204, b"")
        assert anyone().hold()["holdId"] != held["holdId"]

    def test_wrong_missing_and_foreign_tokens_read_alike(self) -> None:
        held, other = anyone().hold(), anyone().hold(startTime="2027-03-02T14:00:00-06:00")
        path = f"/availability/hold/{held['holdId']}"
        errors = [
            refusal(answer, 404, "HOLD_NOT_FOUND")["message"]
            for answer in (
                anyone().delete(path),
                anyone().delete(path, X_Hold_Token="nonsense"),
                anyone().delete(path, X_Hold_Token=other["holdToken"]),
                anyone().delete("/availability/hold/nonsense", X_Hold_Token=held["holdToken"]),
            )
        ]
        assert len(set(errors)) == 1
        assert SlotClaim.objects.filter(state="HELD").count() == 2


def test_remote_work_needs_no_place() -> None:
    a_notary(skills=["ron"], hours=(0, 1440))
    asked = {"serviceId": "ron", "date": "2027-03-02"}
    assert len(anyone().get("/availability", asked).json()["slots"]) == 48
    held = anyone().hold(serviceId="ron", zip=..., startTime="2027-03-02T23:30:00-06:00")
    assert held["endTime"] == "2027-03-03T00:00:00-06:00"
    answer = anyone().post(
        "/bookings",
        ron_body(
            scheduledDateTime="2027-03-02T23:30:00-06:00",
            holdId=held["holdId"],
            holdToken=held["holdToken"],
        ),
    )
    assert answer.status_code == 201
    assert answer.json()["booking"]["address"] is None
