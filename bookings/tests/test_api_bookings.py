"""Bookings over HTTP, by the contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import uuid4

import icalendar
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.actions.record_payment import record_payment
from bookings.models import Booking, SlotClaim
from bookings.tests.callers import (
    Caller,
    anyone,
    body,
    customer_of,
    faults,
    partner_caller,
    refusal,
    ron_body,
    staff_caller,
)
from bookings.tests.factories import CUSTOMER, NOW, STAFF, TUESDAY_10, a_notary, book
from hmnp.accounts.models import Terms
from hmnp.core import tokens
from hmnp.core.models import IdempotencyRecord
from services.models import PromoCode
from services.tests.fixtures import Catalogue

BOOKING = {
    "id",
    "reference",
    "status",
    "version",
    "service",
    "scheduledDateTime",
    "endDateTime",
    "timezone",
    "duration",
    "customer",
    "address",
    "signers",
    "documents",
    "signerDetails",
    "specialInstructions",
    "locale",
    "pricing",
    "currency",
    "amountDue",
    "balanceDue",
    "amountPaid",
    "amountRefunded",
    "expiresAt",
    "notary",
    "ronSession",
    "createdAt",
    "updatedAt",
    "cancelledAt",
    "cancellation",
}
ADDRESS = body()["address"]
READ_ONLY = (
    *("id", "reference", "status", "version", "price", "pricing", "amountDue", "balanceDue"),
    *("amountPaid", "notary", "createdAt", "updatedAt", "cancellation", "expiresAt", "partner"),
)


@pytest.fixture(autouse=True)
def _world(catalogue: Catalogue) -> Iterator[None]:
    a_notary()
    with time_machine.travel(NOW, tick=False):
        yield


def at(hour: int, minute: int = 0, day: int = 2) -> str:
    return f"2027-03-{day:02d}T{hour:02d}:{minute:02d}:00-06:00"


def pay_for(booking_id: str, cents: int = 4250) -> Booking:
    booking = Booking.objects.get(pk=booking_id)
    record_payment(
        booking=booking,
        claim=SlotClaim.objects.get(booking=booking),
        payment_id=None,
        amount_cents=cents,
        kind="DEPOSIT",
        actor=CUSTOMER,
        now=NOW,
    )
    return booking


class TestCreate:
    """`POST /bookings`."""

    def test_the_answer_has_just_these_names(self, catalogue: Catalogue) -> None:
        answer = anyone().post("/bookings", body(signers=2, smsConsent=True))
        assert answer.status_code == 201
        assert answer["Cache-Control"] == "no-store"
        assert set(answer.json()) == {"booking", "accessToken"}
        booking = answer.json()["booking"]
        row = Booking.objects.get()
        assert answer["Location"] == f"/api/v2/bookings/{row.pk}"
        assert answer["ETag"] == f'"{row.pk.hex}-1"'
        assert set(booking) == BOOKING
        assert booking["service"] == {
            "id": str(catalogue.standard.id),
            "slug": "standard-notary",
            "name": "Standard Mobile Notary",
            "type": "MOBILE",
        }
        assert booking["customer"] == {
            "name": "Ada Customer",
            "email": "ada@example.com",
            "phone": "+17135550123",
        }
        assert booking["address"] == {**ADDRESS, "unit": None}
        assert (booking["scheduledDateTime"], booking["endDateTime"]) == (at(10), at(11))
        assert (booking["timezone"], booking["duration"]) == ("America/Chicago", 60)
        assert (booking["status"], booking["version"]) == ("PENDING_PAYMENT", 1)
        assert (booking["amountDue"], booking["balanceDue"]) == (42.5, 85.0)
        assert (booking["amountPaid"], booking["amountRefunded"]) == (0, 0)
        assert booking["pricing"]["finalPrice"] == 85.0
        assert booking["notary"] == {"name": row.notary.name if row.notary else ""}
        assert booking["ronSession"] is booking["cancelledAt"] is booking["cancellation"] is None
        assert datetime.fromisoformat(booking["expiresAt"]) == row.expires_at
        assert row.sms_consent_at == NOW

    def test_the_token_opens_it(self) -> None:
        made = anyone().book()
        caller = Caller(f"Bearer {made['accessToken']}")
        assert caller.get(f"/bookings/{made['booking']['id']}").json() == made["booking"]

    def test_remote_is_due_in_full(self) -> None:
        a_notary(skills=["ron"])
        answer = anyone().post("/bookings", ron_body(documents=3, signers=2))
        booking = answer.json()["booking"]
        assert (booking["amountDue"], booking["address"]) == (58.0, None)

    @pytest.mark.parametrize("who", [partner_caller, staff_caller])
    def test_who_pays_later_is_confirmed(self, who: Any) -> None:
        booking = who().book()["booking"]
        assert booking["status"] == "CONFIRMED"
        assert (booking["amountDue"], booking["balanceDue"]) == (0, 85.0)
        assert booking["pricing"]["depositRequired"] == 0
        assert booking["expiresAt"] is None

    def test_a_partner_on_card_terms_is_not(self) -> None:
        booking = partner_caller(terms=Terms.CARD).book()["booking"]
        assert booking["status"] == "PENDING_PAYMENT"

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"termsAccepted": False}, {"termsAccepted": "not_accepted"}),
            ({"termsAccepted": ...}, {"termsAccepted": "required"}),
            ({"termsAccepted": "true"}, {"termsAccepted": "invalid"}),
            ({"customerName": "A"}, {"customerName": "min_length"}),
            ({"customerName": "A" * 101}, {"customerName": "max_length"}),
            ({"customerName": 5}, {"customerName": "invalid"}),
            ({"customerName": "a\u0000b"}, {"customerName": "null_characters_not_allowed"}),
            ({"customerEmail": "nobody"}, {"customerEmail": "invalid"}),
            ({"customerPhone": "12"}, {"customerPhone": "invalid"}),
            ({"customerPhone": 7135550123}, {"customerPhone": "invalid"}),
            ({"specialInstructions": "x" * 501}, {"specialInstructions": "max_length"}),
            ({"locale": "fr"}, {"locale": "invalid_choice"}),
            ({"smsConsent": 1}, {"smsConsent": "invalid"}),
            ({"address": ...}, {"address": "required"}),
            ({"address": None}, {"address": "null"}),
            ({"address": "1 Main St"}, {"address": "invalid"}),
            ({"address": {**ADDRESS, "zip": "1"}}, {"address.zip": "invalid"}),
            ({"address": {**ADDRESS, "country": "US"}}, {"address.country": "unknown"}),
            (
                {"address": {}},
                {
                    "address.street": "required",
                    "address.city": "required",
                    "address.state": "required",
                    "address.zip": "required",
                },
            ),
            ({"serviceId": "ron"}, {"address": "not_accepted"}),
            ({"zip": "77573"}, {"zip": "unknown"}),
            (
                {"scheduledDateTime": "2027-03-02T10:00:00"},
                {"scheduledDateTime": "offset_required"},
            ),
            (
                {"scheduledDateTime": "2027-03-14T02:30:00-06:00"},
                {"scheduledDateTime": "nonexistent"},
            ),
            ({"scheduledDateTime": at(7, day=1)}, {"scheduledDateTime": "past"}),
            ({"scheduledDateTime": "x"}, {"scheduledDateTime": "invalid"}),
            ({"signers": 11}, {"signers": "max_value"}),
            ({"documents": 21}, {"documents": "max_value"}),
            ({"signers": 1.5}, {"signers": "invalid"}),
            ({"signerDetails": [{"name": "Bo"}]}, {"signerDetails.0.email": "required"}),
            (
                {"signerDetails": [{"name": "Bo", "email": "b@example.com", "role": "x"}]},
                {"signerDetails.0.role": "unknown"},
            ),
            (
                {"signerDetails": [{"name": "Bo", "email": "b@example.com"}] * 2},
                {"signerDetails": "too_many"},
            ),
            ({"expectedFinalPrice": -1}, {"expectedFinalPrice": "min_value"}),
            ({"expectedFinalPrice": 85.001}, {"expectedFinalPrice": "max_decimal_places"}),
            ({"expectedFinalPrice": True}, {"expectedFinalPrice": "invalid"}),
            ({"holdId": str(uuid4())}, {"holdToken": "required"}),
            ({"holdToken": "x"}, {"holdId": "required"}),
            ({"holdId": "x", "holdToken": "x"}, {"holdId": "invalid"}),
            ({"quoteToken": "forged"}, {"quoteToken": "invalid"}),
            (
                {
                    "customerName": "",
                    "customerEmail": "x",
                    "customerPhone": "x",
                    "signers": 99,
                    "termsAccepted": False,
                    "address": {**ADDRESS, "state": "Texas"},
                    "scheduledDateTime": at(7, day=1),
                    "favouriteColour": "red",
                },
                {
                    "customerName": "blank",
                    "customerEmail": "invalid",
                    "customerPhone": "invalid",
                    "address.state": "invalid",
                    "termsAccepted": "not_accepted",
                    "favouriteColour": "unknown",
                    "scheduledDateTime": "past",
                    "signers": "max_value",
                },
            ),
        ],
    )
    def test_faults_are_listed_all_at_once(
        self, changes: dict[str, Any], expected: dict[str, str]
    ) -> None:
        assert faults(anyone().post("/bookings", body(**changes))) == expected
        assert not Booking.objects.exists()

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_what_the_client_does_not_decide_is_refused_by_name(self, name: str) -> None:
        assert faults(anyone().post("/bookings", body(**{name: 1}))) == {name: "unknown"}
        assert not Booking.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "status", "code", "field"),
        [
            ({"serviceId": "nonsense"}, 400, "INVALID_SERVICE", "serviceId"),
            (
                {"address": {**ADDRESS, "zip": "77450"}},
                422,
                "OUT_OF_SERVICE_AREA",
                "address.zip",
            ),
            ({"address": {**ADDRESS, "zip": "77352"}}, 422, "UNKNOWN_ZIP", "address.zip"),
            ({"promoCode": "NOPE"}, 422, "PROMO_INVALID", "promoCode"),
            ({"scheduledDateTime": at(9, 30, day=1)}, 409, "SLOT_UNAVAILABLE", None),
            ({"scheduledDateTime": at(20)}, 409, "SLOT_UNAVAILABLE", None),
            ({"scheduledDateTime": at(10, 10)}, 409, "SLOT_UNAVAILABLE", None),
            ({"expectedFinalPrice": 84.99}, 409, "PRICE_CHANGED", None),
            ({"holdId": str(uuid4()), "holdToken": "x"}, 404, "HOLD_NOT_FOUND", None),
            ({"paymentIntentId": "pi_unknown"}, 400, "VALIDATION_ERROR", "paymentIntentId"),
        ],
    )
    def test_refusals(self, changes: Any, status: int, code: str, field: str | None) -> None:
        error = refusal(anyone().post("/bookings", body(**changes)), status, code)
        assert error.get("field") == field
        if code == "SLOT_UNAVAILABLE":
            assert len(error["details"]["alternatives"]) == 3
        if code == "PRICE_CHANGED":
            assert error["details"]["pricing"]["finalPrice"] == 85.0
            assert error["details"]["pricing"]["quoteToken"]
        if code == "PROMO_INVALID":
            assert error["details"]["reason"] == "UNKNOWN"
        assert not Booking.objects.exists()
        assert not SlotClaim.objects.exists()

    def test_a_taken_time_names_the_next_three(self) -> None:
        anyone().book()
        error = refusal(anyone().post("/bookings", body()), 409, "SLOT_TAKEN")
        assert len(error["details"]["alternatives"]) == 3
        assert Booking.objects.count() == 1

    def test_a_price_shown_half_an_hour_ago_is_calculated_anew(self) -> None:
        asked = {
            "serviceId": "standard-notary",
            "scheduledDateTime": body()["scheduledDateTime"],
            "zip": "77573",
        }
        quote = anyone().get("/services/pricing", asked).json()
        with time_machine.travel(NOW + timedelta(minutes=31), tick=False):
            assert anyone().book(quoteToken=quote["quoteToken"])["booking"]["version"] == 1
        other = quote["quoteToken"][:-2] + "xx"
        later = body(quoteToken=other, scheduledDateTime=at(14))
        assert faults(anyone().post("/bookings", later)) == {"quoteToken": "invalid"}

    def test_a_quote_for_another_service_is_refused(self) -> None:
        asked = {"serviceId": "extended-hours", "scheduledDateTime": at(10), "zip": "77573"}
        quote = anyone().get("/services/pricing", asked).json()
        answer = anyone().post("/bookings", body(quoteToken=quote["quoteToken"]))
        assert faults(answer) == {"quoteToken": "other_service"}

    def test_another_zip_than_the_holds_is_another_price(self) -> None:
        held = anyone().hold()
        hold = {"holdId": held["holdId"], "holdToken": held["holdToken"]}
        pearland = {**ADDRESS, "city": "Pearland", "zip": "77581"}
        shown = held["pricing"]["quoteToken"]
        error = refusal(
            anyone().post("/bookings", body(address=pearland, quoteToken=shown, **hold)),
            409,
            "PRICE_CHANGED",
        )
        fresh = error["details"]["pricing"]
        assert (fresh["travelFee"], fresh["finalPrice"]) == (25.0, 110.0)
        made = anyone().book(address=pearland, quoteToken=fresh["quoteToken"], **hold)
        assert made["booking"]["pricing"]["finalPrice"] == 110.0

    def test_somebody_elses_hold_reads_like_none(self) -> None:
        mine, theirs = anyone().hold(), anyone().hold(startTime=at(14))
        answer = anyone().post(
            "/bookings", body(holdId=theirs["holdId"], holdToken=mine["holdToken"])
        )
        refusal(answer, 404, "HOLD_NOT_FOUND")

    def test_a_reader_may_not_book(self) -> None:
        reader = partner_caller(scopes=["bookings:read"])
        refusal(reader.post("/bookings", body()), 403, "FORBIDDEN")
        assert not Booking.objects.exists()

    def test_wrong_credentials_are_refused_though_none_would_do(self) -> None:
        refusal(Caller("Bearer nonsense").post("/bookings", body()), 401, "UNAUTHENTICATED")
        refusal(Caller("Api-Key nonsense").post("/bookings", body()), 401, "UNAUTHENTICATED")
        assert not Booking.objects.exists()


class TestKeyedCreate:
    """With an `Idempotency-Key`."""

    KEY = "a-key-of-sixteen-or-more"

    def post(self, caller: Caller | None = None, key: str = KEY, **changes: Any) -> Any:
        return (caller or anyone()).post("/bookings", body(**changes), Idempotency_Key=key)

    def test_the_first_answer_again_with_its_token(self) -> None:
        first, second = self.post(), self.post()
        assert first.json() == second.json()
        assert second.json()["accessToken"]
        assert second["Idempotent-Replayed"] == "true"
        assert second["Location"] == first["Location"]
        assert Booking.objects.count() == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(r)::text FROM core_idempotencyrecord r")
            assert first.json()["accessToken"] not in cursor.fetchone()[0]

    def test_another_body_is_refused_even_a_faulty_one(self) -> None:
        self.post()
        refusal(self.post(signers=2), 422, "IDEMPOTENCY_KEY_REUSED")
        refusal(self.post(signers=99), 422, "IDEMPOTENCY_KEY_REUSED")

    def test_a_refusal_leaves_no_trace(self) -> None:
        assert faults(self.post(customerName=""))["customerName"] == "blank"
        refusal(self.post(expectedFinalPrice=1), 409, "PRICE_CHANGED")
        assert not IdempotencyRecord.objects.exists()
        assert self.post().status_code == 201

    def test_a_key_is_its_owners(self) -> None:
        self.post()
        mine = self.post(partner_caller(), scheduledDateTime=at(14))
        assert (mine.status_code, mine.json()["booking"]["status"]) == (201, "CONFIRMED")

    def test_hold_and_booking_may_use_the_same(self) -> None:
        anyone().post("/availability/hold", {}, Idempotency_Key=self.KEY)
        assert self.post().status_code == 201

    def test_a_short_key_is_refused(self) -> None:
        assert faults(self.post(key="x" * 15)) == {"Idempotency-Key": "invalid"}


class TestWhoMaySee:
    """401, 403, 404: a UUID is not a permission."""

    PATHS: tuple[tuple[str, str, Any], ...] = (
        ("get", "", None),
        ("get", "/events", None),
        ("get", "/calendar.ics", None),
        ("get", "/documents", None),
        ("put", "", {}),
        ("patch", "", {}),
        ("delete", "", None),
    )

    def call(self, caller: Caller, method: str, booking_id: object, path: str, data: Any) -> Any:
        args = [f"/bookings/{booking_id}{path}", *([] if data is None else [data])]
        return getattr(caller, method)(*args)

    @pytest.mark.parametrize(("method", "path", "data"), PATHS)
    def test_without_credentials_401(self, method: str, path: str, data: Any) -> None:
        booking_id = anyone().book()["booking"]["id"]
        for some_id in (booking_id, uuid4(), "nonsense"):
            refusal(self.call(anyone(), method, some_id, path, data), 401, "UNAUTHENTICATED")

    @pytest.mark.parametrize(("method", "path", "data"), PATHS)
    def test_foreign_random_and_malformed_ids_read_alike(
        self, method: str, path: str, data: Any
    ) -> None:
        mine = anyone().book()["booking"]["id"]
        foreign = anyone().book(scheduledDateTime=at(14))["booking"]["id"]
        version = Booking.objects.get(pk=foreign).version
        for caller in (customer_of(mine), partner_caller()):
            seen = []
            for some_id in (foreign, uuid4(), "nonsense", "a.b"):
                error = refusal(self.call(caller, method, some_id, path, data), 404, "NOT_FOUND")
                del error["requestId"], error["timestamp"]
                seen.append(error)
            assert all(error == seen[0] for error in seen)
        assert Booking.objects.get(pk=foreign).version == version

    def test_an_anonymous_list_is_401_and_a_customers_403(self) -> None:
        booking_id = anyone().book()["booking"]["id"]
        refusal(anyone().get("/bookings"), 401, "UNAUTHENTICATED")
        refusal(customer_of(booking_id).get("/bookings"), 403, "FORBIDDEN")

    def test_staff_see_all(self) -> None:
        booking = anyone().book()["booking"]
        assert staff_caller().get(f"/bookings/{booking['id']}").json() == booking

    def test_a_partner_sees_its_own_only(self) -> None:
        gulf, bay = partner_caller("Gulf"), partner_caller("Bay")
        mine = gulf.book()["booking"]["id"]
        bay.book(scheduledDateTime=at(14))
        assert [one["id"] for one in gulf.get("/bookings").json()["data"]] == [mine]
        refusal(bay.get(f"/bookings/{mine}"), 404, "NOT_FOUND")
        refusal(bay.delete(f"/bookings/{mine}"), 404, "NOT_FOUND")
        assert len(staff_caller().get("/bookings").json()["data"]) == 2

    def test_scopes_are_needed_for_each(self) -> None:
        whole = partner_caller()
        booking_id = whole.book()["booking"]["id"]
        reader = partner_caller(scopes=["bookings:read"])
        writer = partner_caller(scopes=["bookings:write"])
        assert reader.get(f"/bookings/{booking_id}").status_code == 200
        refusal(reader.delete(f"/bookings/{booking_id}"), 403, "FORBIDDEN")
        refusal(writer.get(f"/bookings/{booking_id}"), 403, "FORBIDDEN")
        assert writer.delete(f"/bookings/{booking_id}").status_code == 200

    def test_a_token_that_was_revoked_or_has_ended_is_401(self) -> None:
        booking_id = anyone().book()["booking"]["id"]
        caller = customer_of(booking_id)
        path = f"/bookings/{booking_id}"
        end = TUESDAY_10 + timedelta(hours=1, days=30)
        with time_machine.travel(end - timedelta(seconds=1), tick=False):
            assert caller.get(path).status_code == 200
        with time_machine.travel(end, tick=False):
            refusal(caller.get(path), 401, "UNAUTHENTICATED")
        Booking.objects.update(access_generation=2)
        refusal(caller.get(path), 401, "UNAUTHENTICATED")
        assert customer_of(booking_id).get(path).status_code == 200

    def test_a_hold_token_is_no_access_token(self) -> None:
        booking_id = anyone().book()["booking"]["id"]
        claim = SlotClaim.objects.get()
        hold = tokens.derive(purpose=tokens.HOLD, subject_id=claim.pk)
        refusal(
            Caller(f"Bearer {hold.text}").get(f"/bookings/{booking_id}"), 401, "UNAUTHENTICATED"
        )

    def test_staff_who_write_need_the_csrf_token(self) -> None:
        booking_id = anyone().book()["booking"]["id"]
        desk = staff_caller()
        desk.client.handler.enforce_csrf_checks = True
        refusal(desk.delete(f"/bookings/{booking_id}"), 403, "FORBIDDEN")
        assert Booking.objects.get().status == "PENDING_PAYMENT"


class TestChange:
    """`PUT` and `PATCH`."""

    def test_patch_merges(self) -> None:
        made = anyone().book(specialInstructions="Ring twice.", documents=2)["booking"]
        caller = customer_of(made["id"])
        answer = caller.patch(f"/bookings/{made['id']}", {"customerName": "Grace Hopper"})
        assert answer.status_code == 200
        changed = answer.json()
        assert set(changed) == BOOKING
        assert changed["customer"] == {**made["customer"], "name": "Grace Hopper"}
        assert (changed["specialInstructions"], changed["documents"]) == ("Ring twice.", 2)
        assert changed["version"] == 2
        assert answer["ETag"] == f'"{made["id"].replace("-", "")}-2"'

    def test_put_replaces_the_whole_editable_part(self) -> None:
        made = anyone().book(
            specialInstructions="Ring twice.",
            signers=2,
            signerDetails=[{"name": "Bo", "email": "bo@example.com"}],
        )["booking"]
        whole = {
            "customerName": "Grace Hopper",
            "customerEmail": "grace@example.com",
            "customerPhone": "+17135550199",
            "address": {**ADDRESS, "unit": "7"},
            "scheduledDateTime": made["scheduledDateTime"],
        }
        changed = customer_of(made["id"]).put(f"/bookings/{made['id']}", whole).json()
        assert changed["customer"]["email"] == "grace@example.com"
        assert changed["address"]["unit"] == "7"
        assert (changed["signers"], changed["signerDetails"]) == (1, [])
        assert changed["specialInstructions"] == ""

    def test_put_needs_the_whole(self) -> None:
        made = anyone().book()["booking"]
        answer = customer_of(made["id"]).put(f"/bookings/{made['id']}", {})
        assert faults(answer) == {
            "customerName": "required",
            "customerEmail": "required",
            "customerPhone": "required",
            "scheduledDateTime": "required",
            "address": "required",
        }

    def test_a_new_time_is_a_move(self) -> None:
        made = anyone().book()["booking"]
        answer = customer_of(made["id"]).patch(
            f"/bookings/{made['id']}", {"scheduledDateTime": at(14)}
        )
        assert answer.json()["scheduledDateTime"] == at(14)
        events = customer_of(made["id"]).get(f"/bookings/{made['id']}/events").json()["data"]
        assert [event["action"] for event in events] == ["created", "rescheduled"]

    def test_a_new_address_is_priced(self) -> None:
        made = anyone().book()["booking"]
        pay_for(made["id"])
        pearland = {**ADDRESS, "city": "Pearland", "zip": "77581"}
        changed = (
            customer_of(made["id"]).patch(f"/bookings/{made['id']}", {"address": pearland}).json()
        )
        assert changed["pricing"]["finalPrice"] == 110.0
        assert (changed["status"], changed["balanceDue"]) == ("CONFIRMED", 67.5)

    def test_what_may_not_be_edited_is_refused_by_name(self) -> None:
        made = anyone().book()["booking"]
        owner = customer_of(made["id"])
        for name in (*READ_ONLY, "serviceId", "promoCode", "termsAccepted"):
            answer = owner.patch(f"/bookings/{made['id']}", {name: 1})
            assert faults(answer) == {name: "unknown"}
        assert Booking.objects.get().version == 1

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"scheduledDateTime": at(7, day=1)}, {"scheduledDateTime": "past"}),
            ({"signers": 11}, {"signers": "max_value"}),
            ({"address": None}, {"address": "null"}),
            (
                {"customerEmail": "x", "customerName": ""},
                {
                    "customerName": "blank",
                    "customerEmail": "invalid",
                },
            ),
            (
                {"signerDetails": [{"name": "Bo", "email": "b@example.com"}] * 2},
                {"signerDetails": "too_many"},
            ),
        ],
    )
    def test_faults_are_listed_all_at_once(
        self, changes: dict[str, Any], expected: dict[str, str]
    ) -> None:
        made = anyone().book()["booking"]
        answer = customer_of(made["id"]).patch(f"/bookings/{made['id']}", changes)
        assert faults(answer) == expected
        assert Booking.objects.get().version == 1

    def test_an_address_for_remote_work_is_refused(self) -> None:
        a_notary(skills=["ron"])
        made = anyone().post("/bookings", ron_body()).json()["booking"]
        answer = customer_of(made["id"]).patch(f"/bookings/{made['id']}", {"address": ADDRESS})
        assert faults(answer) == {"address": "not_accepted"}

    @pytest.mark.parametrize(
        ("changes", "status", "code", "field"),
        [
            ({"scheduledDateTime": at(20)}, 409, "SLOT_UNAVAILABLE", None),
            ({"scheduledDateTime": at(14)}, 409, "SLOT_TAKEN", None),
            ({"address": {**ADDRESS, "zip": "77450"}}, 422, "OUT_OF_SERVICE_AREA", "address.zip"),
        ],
    )
    def test_refusals(self, changes: Any, status: int, code: str, field: str | None) -> None:
        made = anyone().book()["booking"]
        anyone().book(scheduledDateTime=at(14))
        answer = customer_of(made["id"]).patch(f"/bookings/{made['id']}", changes)
        error = refusal(answer, status, code)
        assert error.get("field") == field
        if status == 409:
            assert len(error["details"]["alternatives"]) == 3
        assert Booking.objects.get(pk=made["id"]).version == 1

    def test_inside_the_notice_staff_may_and_customers_may_not(self) -> None:
        made = anyone().book()["booking"]
        pay_for(made["id"])
        with time_machine.travel(TUESDAY_10 - timedelta(hours=1), tick=False):
            path, changes = f"/bookings/{made['id']}", {"scheduledDateTime": at(15)}
            refusal(customer_of(made["id"]).patch(path, changes), 409, "SLOT_UNAVAILABLE")
            assert staff_caller().patch(path, changes).json()["scheduledDateTime"] == at(15)


class TestPreconditions:
    """`ETag` and `If-Match`."""

    WHOLE = {
        "customerName": "Grace Hopper",
        "customerEmail": "grace@example.com",
        "customerPhone": "+17135550199",
        "address": ADDRESS,
        "scheduledDateTime": at(10),
    }

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_a_stale_tag_is_412_and_the_right_one_is_not(self, method: str) -> None:
        made = anyone().book()["booking"]
        caller, path = customer_of(made["id"]), f"/bookings/{made['id']}"
        data = {"put": [self.WHOLE], "patch": [{"customerName": "Grace"}], "delete": []}[method]
        old = caller.get(path)["ETag"]
        caller.patch(path, {"specialInstructions": "Ring."})
        for stale in (old, '"nonsense"', f"W/{old}", "nonsense"):
            answer = getattr(caller, method)(path, *data, If_Match=stale)
            refusal(answer, 412, "PRECONDITION_FAILED")
        row = Booking.objects.get()
        assert (row.version, row.status) == (2, "PENDING_PAYMENT")
        fresh = caller.get(path)["ETag"]
        answer = getattr(caller, method)(path, *data, If_Match=f'"other", {fresh}')
        assert answer.status_code == 200
        assert answer["ETag"] != fresh

    def test_a_star_matches_whatever_is_there(self) -> None:
        made = anyone().book()["booking"]
        caller = customer_of(made["id"])
        assert caller.delete(f"/bookings/{made['id']}", If_Match="*").status_code == 200


class TestCancel:
    """`DELETE /bookings/{id}`."""

    def test_it_says_what_goes_back_and_again_says_the_same(self) -> None:
        made = anyone().book()["booking"]
        pay_for(made["id"])
        caller = customer_of(made["id"])
        with time_machine.travel(TUESDAY_10 - timedelta(hours=3), tick=False):
            first = caller.delete(f"/bookings/{made['id']}?reason=ill")
            second = caller.delete(f"/bookings/{made['id']}")
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json() == second.json()
        cancelled = first.json()
        assert set(cancelled) == BOOKING
        assert cancelled["status"] == "CANCELLED"
        assert cancelled["cancellation"] == {
            "reason": "ill",
            "cancelledBy": "customer",
            "tier": "LATE",
            "fee": 15.0,
            "refundAmount": 27.5,
            "refundStatus": "PENDING",
        }
        assert (cancelled["amountDue"], cancelled["balanceDue"]) == (0, 0)
        assert cancelled["cancelledAt"] == "2027-03-02T07:00:00-06:00"
        assert anyone().book()["booking"]["id"] != made["id"]

    def test_what_has_begun_cannot_be_cancelled(self) -> None:
        made = anyone().book()["booking"]
        pay_for(made["id"])
        with time_machine.travel(TUESDAY_10, tick=False):
            refusal(customer_of(made["id"]).delete(f"/bookings/{made['id']}"), 409, "CANNOT_CANCEL")
        assert Booking.objects.get().status == "CONFIRMED"

    def test_unknown_parameters_are_refused(self) -> None:
        made = anyone().book()["booking"]
        answer = customer_of(made["id"]).delete(f"/bookings/{made['id']}?because=x")
        assert faults(answer) == {"because": "unknown"}
        answer = customer_of(made["id"]).delete(f"/bookings/{made['id']}?reason={'x' * 201}")
        assert faults(answer) == {"reason": "max_length"}
        assert Booking.objects.get().status == "PENDING_PAYMENT"


class TestList:
    """`GET /bookings`."""

    @pytest.fixture
    def many(self) -> list[str]:
        """Give the ids of seven bookings in the order of their last change."""
        ids = []
        for number in range(7):
            start = datetime(2027, 3, 3 + number // 3, 15 + 2 * (number % 3), tzinfo=UTC)
            booking = book(actor=STAFF, starts_at=start, now=NOW + timedelta(seconds=number))
            ids.append(str(booking.pk))
        return ids

    def pages(self, caller: Caller, **query: Any) -> Iterator[list[str]]:
        cursor = None
        while True:
            asked = {**query, **({"cursor": cursor} if cursor else {})}
            answer = caller.get("/bookings", asked)
            assert answer.status_code == 200, answer.content
            page = answer.json()
            assert set(page) == {"data", "nextCursor"}
            yield [one["id"] for one in page["data"]]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def test_pages_are_in_the_order_of_the_last_change(self, many: list[str]) -> None:
        pages = list(self.pages(staff_caller(), limit=3))
        assert [len(page) for page in pages] == [3, 3, 1]
        assert list(chain.from_iterable(pages)) == many

    def test_a_last_full_page_has_no_next(self, many: list[str]) -> None:
        assert [len(page) for page in self.pages(staff_caller(), limit=7)] == [7]

    def test_inserts_between_pages_neither_hide_nor_repeat(self, many: list[str]) -> None:
        caller = staff_caller()
        pages = self.pages(caller, limit=3)
        seen = next(pages)
        with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
            new = caller.book(scheduledDateTime=at(15, day=5))["booking"]["id"]
        with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
            caller.patch(f"/bookings/{many[0]}", {"customerName": "Changed"})
        seen += chain.from_iterable(pages)
        # What changed comes again, at the end, since it is news; the rest comes once.
        assert seen == [*many, new, many[0]]

    def test_equal_times_are_told_apart_by_id(self, many: list[str]) -> None:
        Booking.objects.update(updated_at=NOW)
        seen = list(chain.from_iterable(self.pages(staff_caller(), limit=2)))
        assert seen == sorted(many)

    def test_updated_since_is_inclusive_to_the_microsecond(self, many: list[str]) -> None:
        at_exactly = datetime(2027, 3, 1, 15, 0, 0, 123456, tzinfo=UTC)
        Booking.objects.filter(pk=many[2]).update(updated_at=at_exactly, status="CANCELLED")
        for since, expected in (
            ("2027-03-01T15:00:00.123456Z", [many[2]]),
            ("2027-03-01T09:00:00.123456-06:00", [many[2]]),
            ("2027-03-01T15:00:00.123457Z", []),
        ):
            assert list(self.pages(staff_caller(), updatedSince=since)) == [expected]

    def test_filters(self, many: list[str], catalogue: Catalogue) -> None:
        caller = staff_caller()
        caller.delete(f"/bookings/{many[0]}")
        for query, expected in (
            ({"status": "CANCELLED"}, {many[0]}),
            ({"status": "CONFIRMED"}, set(many[1:])),
            ({"dateFrom": "2027-03-04", "dateTo": "2027-03-04"}, set(many[3:6])),
            ({"dateFrom": "2027-03-05"}, set(many[6:])),
            ({"dateTo": "2027-03-03"}, set(many[:3])),
            ({"serviceId": "standard-notary"}, set(many)),
            ({"serviceId": str(catalogue.ron.id)}, set()),
        ):
            assert set(chain.from_iterable(self.pages(caller, **query))) == expected

    def test_the_number_of_statements_does_not_grow(self, many: list[str]) -> None:
        caller = staff_caller()
        counts = []
        for limit in (1, 7):
            with CaptureQueriesContext(connection) as queries:
                caller.get("/bookings", {"limit": limit})
            counts.append(len(queries))
        # Three of them ask who the member of staff is, and by what they signed in.
        assert counts[0] == counts[1] <= 6

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"limit": 0}, {"limit": "min_value"}),
            ({"limit": 101}, {"limit": "max_value"}),
            ({"status": "LOST"}, {"status": "invalid_choice"}),
            ({"dateFrom": "x"}, {"dateFrom": "invalid"}),
            ({"dateTo": "9999-12-31"}, {"dateTo": "out_of_range"}),
            ({"dateFrom": "0001-01-01"}, {"dateFrom": "out_of_range"}),
            ({"updatedSince": "2027-03-01T15:00:00"}, {"updatedSince": "offset_required"}),
            ({"cursor": "nonsense"}, {"cursor": "invalid"}),
            ({"cursor": "é"}, {"cursor": "invalid"}),
            ({"page": 2}, {"page": "unknown"}),
        ],
    )
    def test_faults(self, query: Any, expected: dict[str, str]) -> None:
        assert faults(staff_caller().get("/bookings", query)) == expected

    def test_an_unknown_service_has_its_own_code(self) -> None:
        answer = staff_caller().get("/bookings", {"serviceId": "x"})
        refusal(answer, 400, "INVALID_SERVICE")


class TestEvents:
    """`GET /bookings/{id}/events`."""

    NAMES = {"action", "actorType", "actorId", "changes", "metadata", "timestamp"}

    def test_the_history_in_order(self) -> None:
        made = anyone().book()["booking"]
        caller = customer_of(made["id"])
        caller.patch(f"/bookings/{made['id']}", {"customerName": "Grace Hopper"})
        caller.delete(f"/bookings/{made['id']}")
        found = caller.get(f"/bookings/{made['id']}/events")
        assert found["Cache-Control"] == "no-store"
        assert found.json()["nextCursor"] is None
        events = found.json()["data"]
        assert [event["action"] for event in events] == ["created", "updated", "cancelled"]
        assert all(set(event) == self.NAMES for event in events)
        assert {event["actorType"] for event in events} == {"customer"}
        assert events[1]["changes"] == {"customer_name": ["•••", "•••"]}
        assert datetime.fromisoformat(events[0]["timestamp"]) == NOW

    def test_where_it_came_from_is_for_staff(self) -> None:
        answer = anyone().post("/bookings", body(), User_Agent="curl/8")
        booking_id = answer.json()["booking"]["id"]
        (event,) = staff_caller().get(f"/bookings/{booking_id}/events").json()["data"]
        assert set(event) == self.NAMES | {"ipAddress", "userAgent"}
        assert (event["ipAddress"], event["userAgent"]) == ("127.0.0.1", "curl/8")
        row = Booking.objects.get().timeline.get()
        assert row.request_id == answer["X-Request-Id"]


def test_the_calendar_file() -> None:
    made = anyone().book()["booking"]
    answer = customer_of(made["id"]).get(
        f"/bookings/{made['id']}/calendar.ics", Accept="text/calendar"
    )
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert f"{made['reference']}.ics" in answer["Content-Disposition"]
    event: Any
    (event,) = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert event["DTSTART"].dt == TUESDAY_10
    assert event["DTEND"].dt == TUESDAY_10 + timedelta(hours=1)
    assert "1 Main St" in event["LOCATION"]


def test_a_promo_code_in_any_case_is_taken_off_once() -> None:
    booking = anyone().book(promoCode="welcome10")["booking"]
    assert booking["pricing"]["promoDiscount"] == 8.5
    assert booking["pricing"]["finalPrice"] == 76.5
    assert PromoCode.objects.get(code="WELCOME10").times_used == 1
    again = body(promoCode="WELCOME10", scheduledDateTime=at(14))
    error = refusal(anyone().post("/bookings", again), 422, "PROMO_INVALID")
    assert error["details"]["reason"] == "USED_BY_CUSTOMER"
