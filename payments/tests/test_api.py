"""Payments over HTTP: the contract's shapes, and who may see what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from bookings.actions.waive_deposit import waive_deposit
from bookings.holders import token_of
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus
from bookings.tests.crowd import together
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, book, hold
from hmnp.accounts.models import Partner, PartnerApiKey
from hmnp.accounts.tests.desk_door import a_staff_user, open_desk
from hmnp.core import tokens
from payments.models import Payment
from payments.states import PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import booking_now, run_out, sweep
from services.catalogue import require_service
from services.pricing import Pricing
from services.quotes import sign_quote

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]

INTENT, CONFIRM = "/api/v2/payments/intent", "/api/v2/payments/confirm"


def customer_of(booking: Booking) -> APIClient:
    token = tokens.derive(
        purpose=tokens.ACCESS, subject_id=booking.pk, generation=booking.access_generation
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.text}")
    return client


def partner(
    name: str = "Title Co", scopes: tuple[str, ...] = ("bookings:read", "payments:write")
) -> APIClient:
    owner, _ = Partner.objects.get_or_create(name=name)
    _, key = PartnerApiKey.objects.create_key(name="k", partner=owner, scopes=list(scopes))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


def staff() -> APIClient:
    client = APIClient()
    open_desk(client, a_staff_user(f"s{uuid4()}", "accounts.use_api"))
    return client


def pay(stripe: Stripe, intent: dict[str, Any], card: str = "pm_card_visa") -> None:
    stripe.pay(intent["paymentIntentId"], intent["clientSecret"], card)


def hold_body(claim: SlotClaim) -> dict[str, str]:
    return {"holdId": str(claim.pk), "holdToken": token_of(claim).text}


def code(response: Any) -> str:
    return str(response.json()["error"]["code"])


def test_a_customer_pays_a_booking(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    answer = client.post(INTENT, {"bookingId": str(booking.pk)})
    assert answer.status_code == 201
    intent = answer.json()
    assert set(intent) == {
        "paymentId",
        "paymentIntentId",
        "clientSecret",
        "publishableKey",
        "amount",
        "currency",
        "status",
        "kind",
        "expiresAt",
    }
    assert (intent["amount"], intent["currency"], intent["kind"]) == (42.5, "USD", "DEPOSIT")
    assert intent["status"] == "REQUIRES_PAYMENT"
    assert intent["publishableKey"] == "pk_test_sandbox"
    assert "no-store" in answer["Cache-Control"]
    again = client.post(INTENT, {"bookingId": str(booking.pk)})
    assert again.status_code == 200
    assert again.json() == intent
    pay(stripe, intent)
    done = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert done.status_code == 200
    assert done.json()["booking"]["status"] == "CONFIRMED"
    assert done.json()["booking"]["amountPaid"] == 42.5
    payment = done.json()["payment"]
    assert client.get(f"/api/v2/payments/{intent['paymentId']}").json() == payment
    assert payment["status"] == "SUCCEEDED"
    assert payment["bookingId"] == str(booking.pk)
    assert "_secret_" not in done.content.decode()


def test_a_holder_pays_first_and_needs_no_account(stripe: Stripe) -> None:
    claim = hold().claim
    answer = APIClient().post(INTENT, hold_body(claim))
    assert answer.status_code == 201
    intent = answer.json()
    pay(stripe, intent)
    proof = {"paymentIntentId": intent["paymentIntentId"], "holdToken": token_of(claim).text}
    done = APIClient().post(CONFIRM, proof)
    assert done.status_code == 200
    assert done.json()["booking"] is None
    assert done.json()["payment"]["bookingId"] is None
    url = f"/api/v2/payments/{intent['paymentId']}"
    assert APIClient().get(url, headers={"X-Hold-Token": token_of(claim).text}).status_code == 200
    with_secret = {
        "paymentIntentId": intent["paymentIntentId"],
        "clientSecret": intent["clientSecret"],
    }
    assert APIClient().post(CONFIRM, with_secret).status_code == 200


def test_a_declined_card_is_402_with_its_reason_and_the_intent_lives(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    intent = client.post(INTENT, {"bookingId": str(booking.pk)}).json()
    pay(stripe, intent, "pm_card_chargeDeclined")
    refused = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert refused.status_code == 402
    assert code(refused) == "PAYMENT_FAILED"
    assert refused.json()["error"]["details"]["declineCode"] == "generic_decline"
    assert client.post(INTENT, {"bookingId": str(booking.pk)}).json() == intent
    pay(stripe, intent)
    done = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert done.status_code == 200


def test_money_under_way_is_202(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    intent = client.post(INTENT, {"bookingId": str(booking.pk)}).json()
    pay(stripe, intent, "pm_sandbox_processing")
    answer = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert answer.status_code == 202
    assert answer.json()["payment"]["status"] == "PROCESSING"
    assert answer.json()["booking"]["status"] == "PENDING_PAYMENT"


def test_a_key_gives_the_first_answer_again(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    headers = {"Idempotency-Key": "k" * 20}
    first = client.post(INTENT, {"bookingId": str(booking.pk)}, headers=headers)
    second = client.post(INTENT, {"bookingId": str(booking.pk)}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    reused = client.post(
        INTENT,
        hold_body(hold(starts_at=booking.starts_at + timedelta(hours=4)).claim),
        headers=headers,
    )
    assert (reused.status_code, code(reused)) == (422, "IDEMPOTENCY_KEY_REUSED")
    short = client.post(
        INTENT, {"bookingId": str(booking.pk)}, headers={"Idempotency-Key": "short"}
    )
    assert (short.status_code, code(short)) == (400, "VALIDATION_ERROR")
    assert len(stripe.intents()) == 1


def test_ten_at_once_with_one_key_open_one_intent_and_all_hear_201(stripe: Stripe) -> None:
    booking = book()

    def attempt(_: int) -> Any:
        headers = {"Idempotency-Key": "k" * 20}
        return customer_of(booking).post(INTENT, {"bookingId": str(booking.pk)}, headers=headers)

    crowd = together(10, attempt)
    assert crowd.errors == []
    assert {answer.status_code for answer in crowd.results} == {201}
    first = crowd.results[0].json()
    assert all(answer.json() == first for answer in crowd.results)
    assert sum("Idempotent-Replayed" in answer.headers for answer in crowd.results) == 9
    assert len(stripe.intents()) == 1
    # Another key, at once: it is the same intent, but not one opened for it.
    other = customer_of(booking).post(
        INTENT, {"bookingId": str(booking.pk)}, headers={"Idempotency-Key": "o" * 20}
    )
    assert (other.status_code, other.json()) == (200, first)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "bookingId"),
        ({"bookingId": "nonsense"}, "bookingId"),
        ({"bookingId": str(uuid4()), "holdId": str(uuid4())}, "holdId"),
        ({"holdId": str(uuid4())}, "holdToken"),
        ({"bookingId": str(uuid4()), "amount": 1}, "amount"),
    ],
)
def test_a_malformed_intent_is_refused_by_name(body: dict[str, Any], field: str) -> None:
    refused = APIClient().post(INTENT, body)
    assert refused.status_code == 400
    assert refused.json()["error"]["field"] == field
    assert not Payment.objects.exists()


def test_without_credentials_it_is_401_whatever_is_named(stripe: Stripe) -> None:
    booking = book()
    payment = Payment.objects.get()
    for booking_id in (booking.pk, uuid4()):
        assert APIClient().post(INTENT, {"bookingId": str(booking_id)}).status_code == 401
    intent = customer_of(booking).post(INTENT, {"bookingId": str(booking.pk)}).json()
    for intent_id in (intent["paymentIntentId"], "pi_unknown"):
        assert APIClient().post(CONFIRM, {"paymentIntentId": intent_id}).status_code == 401
    for payment_id in (payment.pk, uuid4(), "nonsense"):
        assert APIClient().get(f"/api/v2/payments/{payment_id}").status_code == 401


def test_somebody_elses_reads_like_nothing_at_all(stripe: Stripe) -> None:
    booking = book()
    other = book(starts_at=booking.starts_at + timedelta(hours=3))
    intent = customer_of(booking).post(INTENT, {"bookingId": str(booking.pk)}).json()
    pay(stripe, intent)
    strangers = [customer_of(other), partner()]
    for client in strangers:
        assert client.post(INTENT, {"bookingId": str(booking.pk)}).status_code == 404
        foreign = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
        random = client.post(CONFIRM, {"paymentIntentId": "pi_unknown"})
        assert (foreign.status_code, random.status_code) == (404, 404)
        assert foreign.json()["error"]["message"] == random.json()["error"]["message"]
        assert client.get(f"/api/v2/payments/{intent['paymentId']}").status_code == 404
    for proof in (
        {"clientSecret": intent["paymentIntentId"] + "_secret_guess"},
        {"holdToken": token_of(hold(starts_at=booking.starts_at + timedelta(hours=5)).claim).text},
        {"holdToken": "nonsense"},
    ):
        body = {"paymentIntentId": intent["paymentIntentId"], **proof}
        assert APIClient().post(CONFIRM, body).status_code == 404
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT


def test_a_wrong_hold_token_is_404_without_a_trace() -> None:
    mine, other = hold().claim, hold(starts_at=TUESDAY_10 + timedelta(hours=4)).claim
    for body in (
        {"holdId": str(mine.pk), "holdToken": token_of(other).text},
        {"holdId": str(mine.pk), "holdToken": "nonsense"},
    ):
        refused = APIClient().post(INTENT, body)
        assert (refused.status_code, code(refused)) == (404, "HOLD_NOT_FOUND")
    assert not Payment.objects.exists()


def test_staff_and_the_bookings_partner_may_pay_others_partners_may_not(stripe: Stripe) -> None:
    own = Partner.objects.create(name="Title Co")
    booking = book(partner=own)
    assert staff().post(INTENT, {"bookingId": str(booking.pk)}).status_code == 201
    mine = partner().post(INTENT, {"bookingId": str(booking.pk)})
    assert mine.status_code == 200
    payment_id = mine.json()["paymentId"]
    assert partner().get(f"/api/v2/payments/{payment_id}").status_code == 200
    assert partner("Other").post(INTENT, {"bookingId": str(booking.pk)}).status_code == 404
    assert partner("Other").get(f"/api/v2/payments/{payment_id}").status_code == 404
    reader = partner(scopes=("bookings:read",))
    assert reader.post(INTENT, {"bookingId": str(booking.pk)}).status_code == 403
    assert staff().get(f"/api/v2/payments/{payment_id}").status_code == 200


def test_a_revoked_token_is_401(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    intent = client.post(INTENT, {"bookingId": str(booking.pk)}).json()
    Booking.objects.filter(pk=booking.pk).update(access_generation=2)
    assert client.post(INTENT, {"bookingId": str(booking.pk)}).status_code == 401
    assert client.get(f"/api/v2/payments/{intent['paymentId']}").status_code == 401


def test_an_expired_hold_is_410_with_other_times(stripe: Stripe) -> None:
    now = timezone.now()
    # The alternatives are sought from the real clock on.
    tuesday = now + timedelta(days=7 + (1 - now.weekday()) % 7)
    claim = hold(
        now=now, starts_at=tuesday.replace(hour=17, minute=0, second=0, microsecond=0)
    ).claim
    run_out(claim.pk)
    refused = APIClient().post(INTENT, hold_body(claim))
    assert (refused.status_code, code(refused)) == (410, "HOLD_EXPIRED")
    assert len(refused.json()["error"]["details"]["alternatives"]) == 3
    assert not Payment.objects.exists()


def test_confirming_what_was_let_go_is_410_with_other_times(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    intent = client.post(INTENT, {"bookingId": str(booking.pk)}).json()
    run_out(SlotClaim.objects.get().pk)
    sweep()
    refused = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert (refused.status_code, code(refused)) == (410, "HOLD_EXPIRED")
    assert "alternatives" in refused.json()["error"]["details"]


def test_confirming_a_deposit_that_was_waived_is_402(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    intent = client.post(INTENT, {"bookingId": str(booking.pk)}).json()
    waive_deposit(booking_id=booking.pk, reason="A good customer", actor=STAFF, now=NOW)
    sweep()
    refused = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert (refused.status_code, code(refused)) == (402, "PAYMENT_FAILED")


def test_nothing_due_is_409(stripe: Stripe) -> None:
    booking = book()
    Booking.objects.filter(pk=booking.pk).update(
        status=BookingStatus.CONFIRMED.value, amount_paid_cents=8500
    )
    refused = customer_of(booking).post(INTENT, {"bookingId": str(booking.pk)})
    assert (refused.status_code, code(refused)) == (409, "NOTHING_DUE")


def test_a_final_booking_is_409(stripe: Stripe) -> None:
    booking = book()
    Booking.objects.filter(pk=booking.pk).update(status=BookingStatus.CANCELLED.value)
    refused = customer_of(booking).post(INTENT, {"bookingId": str(booking.pk)})
    assert (refused.status_code, code(refused)) == (409, "INVALID_STATUS_TRANSITION")


def test_a_stripe_that_is_down_is_503_with_when_to_come_back(stripe: Stripe) -> None:
    booking = book()
    client = customer_of(booking)
    stripe.fail("error_429", path="/v1/payment_intents")
    refused = client.post(INTENT, {"bookingId": str(booking.pk)})
    assert (refused.status_code, code(refused)) == (503, "SERVICE_UNAVAILABLE")
    assert refused["Retry-After"]
    intent = client.post(INTENT, {"bookingId": str(booking.pk)}).json()
    stripe.fail("error_429", path="/v1/payment_intents", method="GET")
    answer = client.post(CONFIRM, {"paymentIntentId": intent["paymentIntentId"]})
    assert answer.status_code == 503
    assert Payment.objects.get().status == PaymentStatus.REQUIRES_PAYMENT


def test_a_quote_of_another_price_is_not_charged_in_silence(stripe: Stripe) -> None:
    held = hold()
    claim = held.claim
    shown = replace(Pricing.from_snapshot(claim.pricing), final_price_cents=9900)
    quote = sign_quote(
        service=require_service(id_or_slug=claim.service_id),
        starts_at=claim.starts_at,
        zip_code=claim.customer_zip,
        signers=claim.signers,
        documents=claim.documents,
        promo_code=None,
        pricing=shown,
        now=claim.held_at,
    )
    refused = APIClient().post(INTENT, {**hold_body(claim), "quoteToken": quote.token})
    assert (refused.status_code, code(refused)) == (409, "PRICE_CHANGED")
    forged = APIClient().post(INTENT, {**hold_body(claim), "quoteToken": "forged"})
    assert forged.status_code == 400
    assert forged.json()["error"]["field"] == "quoteToken"
    assert not Payment.objects.exists()
    assert APIClient().post(INTENT, hold_body(claim)).json()["amount"] == 42.5
