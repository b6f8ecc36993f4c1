"""V1's old addresses, in their old shapes, through V2's actions."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState
from bookings.tests.factories import a_notary
from hmnp.core.invariants import all_invariants, find_breaches
from hmnp.desk.models import Case
from hmnp.rollout.models import Flag, ShadowCheck, ShimCall, V1Row
from hmnp.rollout.states import Capability
from hmnp.rollout.switches import set_killed
from hmnp.rollout.tests.v1 import SECRET, V1, a_tuesday, at, iso, post, report, v1_body, v1_row
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _world(catalogue: Catalogue, settings: Settings) -> None:
    settings.V1_MIRROR_SECRET = SECRET
    settings.V1_SYNC_API_KEY = "the-phone-key"
    a_notary()


CREATIONS = [
    ("/api/bookings", 201, ("booking", "id"), {}),
    ("/api/bookings/create", 201, ("booking", "id"), {}),
    ("/api/booking/create", 200, ("booking", "confirmationNumber"), {}),
    ("/api/booking", 200, ("booking", "id"), {}),
    ("/api/bookings/sync", 200, ("data", "bookingId"), {"X-Api-Key": "the-phone-key"}),
]


@pytest.mark.parametrize(("path", "status", "place", "headers"), CREATIONS)
def test_each_old_door_makes_one_booking_and_keeps_what_v1_forgot(
    path: str, status: int, place: tuple[str, str], headers: dict[str, str]
) -> None:
    answer = post(path, v1_body(), **{**headers, "Idempotency-Key": "short"})
    assert answer.status_code == status, answer.content
    body = answer.json()
    booking = Booking.objects.get()
    assert body[place[0]][place[1]] == str(booking.pk)
    assert booking.starts_at == at(10)
    assert (booking.customer_email, str(booking.customer_phone)) == (
        "ada@example.com",
        "+17135550123",
    )
    assert (booking.signers, booking.documents, booking.zip_code) == (3, 2, "77573")
    assert (booking.street, booking.city) == ("1 Main St", "League City")
    assert booking.status == BookingStatus.PENDING_PAYMENT
    assert answer["Deprecation"].startswith("@")
    assert answer["Sunset"].endswith("GMT")
    # The key of V1's clients is shorter than ours must be, and is honoured all the same.
    again = post(path, v1_body(), **{**headers, "Idempotency-Key": "short"})
    assert again.json()[place[0]][place[1]] == str(booking.pk)
    assert again["Idempotent-Replayed"] == "true"
    assert Booking.objects.count() == 1
    counted = ShimCall.objects.get(endpoint__contains=path.removeprefix("/"), status=status)
    assert counted.calls == 2


def test_refusals_come_in_v1s_shape_and_leave_nothing(settings: Settings) -> None:
    refusals = [
        (v1_body(serviceId="nobody's"), 400, "INVALID_SERVICE"),
        (v1_body(scheduledDateTime="soon"), 400, "VALIDATION_ERROR"),
        (v1_body(phone="12"), 400, "VALIDATION_ERROR"),
        (v1_body(addressStreet="no zip"), 400, "VALIDATION_ERROR"),
        (v1_body(consent_terms_conditions=False), 400, "VALIDATION_ERROR"),
        (v1_body(addressStreet="1 Main, Austin, TX 78701"), 422, "OUT_OF_SERVICE_AREA"),
        (v1_body(scheduledDateTime=f"{a_tuesday()}T10:07:00"), 409, "TIME_CONFLICT"),
    ]
    for body, status, code in refusals:
        answer = post("/api/bookings", body)
        said = answer.json()
        assert (answer.status_code, said["code"]) == (status, code), said
        assert {"error", "requestId", "details", "timestamp"} <= set(said)
        assert not said["success"]
    assert post("/api/bookings/sync", v1_body(), **{"X-Api-Key": "no"}).status_code == 401
    settings.RATE_LIMIT_BOOKING = "1/m"
    # Several doors and one allowance, whichever of them a client address takes.
    limited = [
        Client(REMOTE_ADDR="203.0.113.77").post(path, "{}", content_type="application/json")
        for path in ("/api/bookings", "/api/booking/create")
    ]
    assert [answer.status_code for answer in limited] == [400, 429]
    assert "Retry-After" in limited[1]
    assert Booking.objects.count() == SlotClaim.objects.count() == 0


def test_strangers_see_that_a_booking_is_and_its_own_customer_the_rest() -> None:
    made = post("/api/bookings", v1_body()).json()
    path = f"/api/booking/{made['booking']['id']}"
    seen = Client().get(path)
    assert set(seen.json()["booking"]) == {"id", "scheduledDateTime", "status", "Service"}
    assert b"ada@" not in seen.content.lower()
    token = {"Authorization": f"Bearer {made['accessToken']}"}
    own = Client().get(path, headers=token).json()["booking"]
    assert (own["customerEmail"], own["numberOfSigners"]) == ("ada@example.com", 3)
    before = Booking.objects.values().get()
    stood = Client().get(f"/api/bookings/{made['booking']['id']}/status").json()
    assert stood["status"] == "PAYMENT_PENDING"
    preview = f"/api/bookings/{made['booking']['id']}/cancel"
    assert Client().get(preview).status_code == 401
    assert Client().get(preview, headers=token).json()["refundCalculation"]["processingFee"] == 0
    assert Client().get("/api/bookings").status_code == 401
    assert Booking.objects.values().get() == before
    assert post(preview, {"reason": "no"}).status_code == 401
    ended = post(preview, {"reason": "changed my mind"}, **token).json()
    assert (ended["success"], ended["status"]) == (True, "CANCELLED_BY_CLIENT")
    assert Booking.objects.get().status == BookingStatus.CANCELLED


def test_v1_reports_what_it_writes_and_its_times_are_taken_here() -> None:
    answer = report({"table": "Booking", "row": v1_row()})
    assert answer.status_code == 200, answer.content
    (result,) = answer.json()["results"]
    assert (result["outcome"], result["conflict"]) == ("IMPORTED", False)
    booking = Booking.objects.get()
    assert booking.status == BookingStatus.CONFIRMED
    assert booking.deposit_waived_reason == "v1_import"
    assert booking.balance_due_cents == 8500
    assert SlotClaim.objects.get().state == ClaimState.BOOKED
    # Who comes to V2's door for that time is told so.
    taken = post("/api/bookings", v1_body())
    assert (taken.status_code, taken.json()["code"]) == (409, "TIME_CONFLICT")
    # V1 does not ask: what it agreed to beside it stands, and a person is called.
    twice = report({"table": "Booking", "row": v1_row("cm_2", customerEmail="cy@example.com")})
    assert twice.json()["results"][0]["conflict"]
    assert Case.objects.get(kind="V1_CONFLICT").repair == "assign_or_move"
    assert ShadowCheck.objects.get(v1_row__v1_id="bk_1700_a").verdict == "SAME"
    # Told again, it changes nothing.
    assert report({"table": "Booking", "row": v1_row()}).json()["results"] == [result]
    assert Booking.objects.count() == 2


def test_the_shadow_lists_where_v2_would_have_differed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {
        "same": v1_row("same"),
        "dear": v1_row("dear", priceAtBooking="75.00", scheduledDateTime=iso(at(12))),
        "odd": v1_row("odd", scheduledDateTime=iso(at(14) + timedelta(minutes=10))),
        "late": v1_row("late", scheduledDateTime=iso(at(20))),
        "far": v1_row("far", addressZip="78701", scheduledDateTime=iso(at(10, days=1))),
    }
    report(*({"table": "Booking", "row": row} for row in rows.values()))
    call_command("shadow_v1", all=True)
    seen = {one.v1_row.v1_id: one for one in ShadowCheck.objects.select_related("v1_row")}
    assert {name: one.verdict for name, one in seen.items()} == {
        "same": "SAME",
        "dear": "OTHER_PRICE",
        "odd": "REFUSED",
        "late": "REFUSED",
        "far": "REFUSED",
    }
    assert (seen["dear"].v1_cents, seen["dear"].v2_cents) == (7500, 8500)
    assert seen["odd"].differences == ["starts off the half-hour grid"]
    assert seen["late"].differences == ["outside the service's hours"]
    assert seen["far"].differences[0].startswith("no price: ")
    said = capsys.readouterr().out
    assert "V1     $75.00  V2     $85.00" in said
    assert "5 checked" in said


def test_what_v1_changes_is_followed_and_its_money_counted() -> None:
    report({"table": "Booking", "row": v1_row()})
    later = {"updatedAt": "2026-11-02T12:00:00.000Z"}
    moved = v1_row(scheduledDateTime=iso(at(12, days=1)), customerName="Bo B.", **later)
    money = {
        "id": "pay_1",
        "bookingId": "bk_1700_a",
        "amount": "25.00",
        "status": "COMPLETED",
        "provider": "STRIPE",
        "paymentIntentId": "pi_v1_1",
        "createdAt": "2026-11-02T12:00:00.000Z",
    }
    report({"table": "Booking", "row": moved}, {"table": "Payment", "row": money})
    booking = Booking.objects.get()
    assert booking.starts_at == at(12, days=1)
    assert (booking.customer_name, booking.amount_paid_cents) == ("Bo B.", 2500)
    assert SlotClaim.objects.get(state=ClaimState.BOOKED).starts_at == booking.starts_at
    ended = {**moved, "status": "CANCELLED_BY_CLIENT", "updatedAt": "2026-11-03T12:00:00.000Z"}
    given = {**money, "status": "REFUNDED", "refundedAmount": "25.00", **later}
    given["updatedAt"] = "2026-11-03T12:00:00.000Z"
    report({"table": "Booking", "row": ended}, {"table": "Payment", "row": given})
    booking.refresh_from_db()
    assert (booking.status, booking.amount_refunded_cents) == (BookingStatus.CANCELLED, 2500)
    assert not SlotClaim.objects.filter(state=ClaimState.BOOKED).exists()
    with connection.cursor() as cursor:
        assert find_breaches(cursor=cursor, invariants=all_invariants()) == []


def test_only_what_v1_did_is_followed_and_what_it_cannot_be_is_a_case() -> None:
    twin = v1_row("cm_twin", status="PAYMENT_PENDING")
    report({"table": "Booking", "row": v1_row()}, {"table": "Booking", "row": twin})
    booking = Booking.objects.get()
    assert V1Row.objects.get(v1_id="cm_twin").state == "MERGED"

    def then(row: dict[str, Any], day: int, **changes: Any) -> str:
        changed = {**row, **changes, "updatedAt": f"2026-11-{day:02}T12:00:00.000Z"}
        assert report({"table": "Booking", "row": changed}).status_code == 200
        booking.refresh_from_db()
        return booking.status

    # The second click's own end is not the first one's.
    assert then(twin, 2, status="CANCELLED_BY_STAFF") == BookingStatus.CONFIRMED
    assert then(v1_row(), 3, status="SCHEDULED") == BookingStatus.CONFIRMED
    version = booking.version
    # What was changed here and not there stays.
    Booking.objects.filter(pk=booking.pk).update(street="9 Corrected St")
    assert then(v1_row(status="SCHEDULED"), 4, customerName="Bo Bee") == BookingStatus.CONFIRMED
    assert (booking.street, booking.version) == ("9 Corrected St", version + 1)
    assert then(v1_row(), 5, status="COMPLETED", customerName="Bo Bee") == BookingStatus.COMPLETED
    assert not Case.objects.exists()
    assert then(v1_row(), 6, status="CONFIRMED", customerName="Bo Bee") == BookingStatus.COMPLETED
    assert Case.objects.get().repair == "follow_by_hand"
    gone = {"table": "Booking", "row": {"id": "bk_1700_a"}, "deleted": True}
    assert report(gone).status_code == 200
    with connection.cursor() as cursor:
        found = find_breaches(cursor=cursor, invariants=all_invariants())
    assert [one for one in found if one.name != "timelines-are-chained"] == []


def test_a_report_that_v1_did_not_sign_is_not_believed(settings: Settings) -> None:
    event = {"table": "Booking", "row": v1_row()}
    now = int(time.time())
    assert report(event, secret="guessed").status_code == 400
    assert report(event, sent_at=now - 301).status_code == 400
    assert report(event, sent_at=now + 301).status_code == 400
    assert report({"table": "AuditLog", "row": {"id": "1"}}).json()["code"] == "VALIDATION_ERROR"
    settings.V1_MIRROR_SECRET = ""
    assert report(event).status_code == 503
    assert V1Row.objects.count() == Booking.objects.count() == 0


def test_while_the_switch_says_so_v1_answers_and_its_booking_is_taken_over(
    settings: Settings,
) -> None:
    key = {"Idempotency-Key": "once"}
    with V1().serving() as v1:
        settings.V1_BASE_URL = v1.url
        answer = post("/api/bookings", v1_body(), **key)
        assert (answer.status_code, answer["X-Served-By"]) == (201, "v1"), answer.content
        assert v1.asked == [v1_body()]
        booking = Booking.objects.get()
        assert (booking.status, booking.starts_at) == (BookingStatus.CONFIRMED, at(10))
        # What V1 was sent and does not keep is kept here.
        assert (booking.signers, str(booking.customer_phone)) == (3, "+17135550123")
        assert V1Row.objects.get().target == str(booking.pk)
        # The switch is thrown; the same key is answered as before, and nothing is booked twice.
        Flag.objects.update_or_create(name=Capability.BOOKING.value, defaults={"everyone": True})
        again = post("/api/bookings", v1_body(), **key)
        assert (again.json(), again["Idempotent-Replayed"]) == (answer.json(), "true")
        assert post("/api/bookings", v1_body()).status_code == 409
        assert len(v1.asked) == Booking.objects.count() == 1
    set_killed(is_killed=True, note="")
    refused = post("/api/bookings", v1_body(email="other@example.com"))
    assert (refused.status_code, refused.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


def test_one_setting_ends_v1(settings: Settings) -> None:
    settings.V1_ROUTES_GONE = True
    for answer in (
        post("/api/bookings", v1_body()),
        Client().get("/api/booking/bk_1"),
        report({"table": "Booking", "row": v1_row()}),
    ):
        assert answer.status_code == 410
        assert answer.json()["code"] == "GONE"
    assert Client().get("/api/v2/services").status_code == 200


def test_free_times_and_services_are_v2s_in_v1s_words() -> None:
    report({"table": "Booking", "row": v1_row()})
    day = Client().get(f"/api/availability?serviceId=STANDARD_NOTARY&date={a_tuesday()}").json()
    starts = {slot["startTime"] for slot in day["availableSlots"]}
    assert iso(at(15)) in starts
    assert iso(at(10)) not in starts
    services = Client().get("/api/services").json()["services"]["all"]
    assert {one["serviceType"] for one in services} >= {"STANDARD_NOTARY", "RON_SERVICES"}
