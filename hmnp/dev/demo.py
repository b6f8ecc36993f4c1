"""`make demo`: book a mobile and a remote appointment over plain HTTP, and check every promise.

Speaks to the running site as a partner's program would, and to the sandbox as a browser would
when a card is typed in. Can be run again and again on the same data.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from hmnp.dev.ports import LOOPBACK

T = TypeVar("T")
Json = dict[str, Any]

_PUBLISHABLE_KEY = "pk_test_sandbox"
# How many times somebody else may take the very slot we are about to hold.
_TRIES = 5


class PromiseBrokenError(Exception):
    """Something was not as the contract says."""


def expect(condition: object, promise: str) -> None:
    """Raise `PromiseBrokenError` unless `condition` holds."""
    if not condition:
        raise PromiseBrokenError(promise)


@dataclass
class Demo:
    """One walk through the API for one kind of service."""

    site: httpx.Client
    sandbox: httpx.Client
    slug: str
    zip_code: str | None
    times: list[tuple[str, float]] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], T], show: Callable[[T], str]) -> T:
        """Do one step and print what came of it and how long it took."""
        begun = time.perf_counter()
        result = work()
        took = (time.perf_counter() - begun) * 1000
        self.times.append((name, took))
        print(f"  {name:<14} {took:7.0f} ms   {show(result)}", flush=True)
        return result

    def call(self, method: str, path: str, *, status: int, **kwargs: Any) -> Json:
        """Call the API and give the JSON of an answer that has the promised status."""
        answer = self.site.request(method, f"/api/v2{path}", **kwargs)
        expect(
            answer.status_code == status,
            f"{method} {path} answers {status}, not {answer.status_code}: {answer.text[:500]}",
        )
        expect(answer.headers.get("X-Request-Id"), f"{path} carries X-Request-Id")
        body: Json = answer.json()
        return body

    def run(self) -> None:
        """Walk from the catalogue to the confirmation mail."""
        print(f"\n{self.slug}", flush=True)
        service = self.step("services", self.find_service, lambda one: f"{one['name']}")
        price = self.step("price", lambda: self.price(service), lambda one: f"${one['finalPrice']}")
        held = self.step("hold", lambda: self.hold(service), lambda one: f"{one['startTime']}")
        intent = self.step("intent", lambda: self.intent(held), lambda one: f"${one['amount']} due")
        self.step("card", lambda: self.pay(intent), lambda one: f"{one['status']}")
        made = self.step(
            "booking", lambda: self.book(service, held), lambda one: one["booking"]["reference"]
        )
        booking = self.step(
            "confirm", lambda: self.confirm(intent, made), lambda one: f"{one['status']}"
        )
        expect(booking["pricing"]["finalPrice"] >= price["basePrice"], "the price is the quote's")
        self.step("mail", lambda: self.mail(booking), lambda one: f"“{one['subject']}”")
        self.step("timeline", lambda: self.timeline(made), ", ".join)

    def find_service(self) -> Json:
        """Find the service in the catalogue."""
        services = self.call("GET", "/services", status=200)["data"]
        return next(one for one in services if one["slug"] == self.slug)

    def price(self, service: Json) -> Json:
        """Ask for a price a few days ahead."""
        ahead = (datetime.now(tz=UTC) + timedelta(days=3)).replace(hour=18, minute=0, second=0)
        params = {
            "serviceId": service["id"],
            "scheduledDateTime": ahead.isoformat(timespec="seconds"),
            **self.place(),
        }
        price = self.call("GET", "/services/pricing", status=200, params=params)
        lines = round(sum(line["amount"] for line in price["breakdown"]), 2)
        expect(lines == price["finalPrice"], "the breakdown sums to the final price")
        expect(price["quoteToken"], "a price comes with a quote")
        return price

    def place(self) -> Json:
        """Give the ZIP code as a parameter, for mobile services."""
        return {"zip": self.zip_code} if self.zip_code else {}

    def hold(self, service: Json) -> Json:
        """Hold the first free time from tomorrow on."""
        tomorrow = (datetime.now(tz=UTC) + timedelta(days=1)).date()
        for week in range(0, 84, 14):
            params = {
                "serviceId": service["id"],
                "date": (tomorrow + timedelta(days=week)).isoformat(),
                "days": 14,
                **self.place(),
            }
            slots = self.call("GET", "/availability", status=200, params=params)["slots"]
            for slot in slots[:_TRIES]:
                body = {
                    "serviceId": service["id"],
                    "startTime": slot["startTime"],
                    **self.place(),
                }
                answer = self.site.post("/api/v2/availability/hold", json=body)
                if answer.status_code == 409:
                    continue
                expect(answer.status_code == 201, f"a free time can be held: {answer.text[:500]}")
                held: Json = answer.json()
                left = datetime.fromisoformat(held["expiresAt"]) - datetime.fromisoformat(
                    held["serverTime"]
                )
                expect(left <= timedelta(minutes=5, seconds=5), "a hold lasts five minutes")
                return held
        raise PromiseBrokenError("there is a free time in the next twelve weeks")

    def intent(self, held: Json) -> Json:
        """Open a payment on the hold."""
        body = {"holdId": held["holdId"], "holdToken": held["holdToken"]}
        intent = self.call("POST", "/payments/intent", status=201, json=body)
        expect(
            intent["amount"] == held["pricing"]["depositRequired"],
            "the amount is what the hold says is due now",
        )
        again = self.call("POST", "/payments/intent", status=200, json=body)
        expect(
            again["paymentIntentId"] == intent["paymentIntentId"], "asked again: the same intent"
        )
        return intent

    def pay(self, intent: Json) -> Json:
        """Do what the card field does in a browser: a declined card first, then a good one."""
        path = f"/v1/payment_intents/{intent['paymentIntentId']}/confirm"
        form = {"client_secret": intent["clientSecret"], "key": _PUBLISHABLE_KEY}
        declined = self.sandbox.post(
            path, data={**form, "payment_method": "pm_card_chargeDeclined"}
        )
        expect(declined.status_code == 402, "a declined card is declined")
        body = {
            "paymentIntentId": intent["paymentIntentId"],
            "clientSecret": intent["clientSecret"],
        }
        self.call("POST", "/payments/confirm", status=402, json=body)
        paid = self.sandbox.post(path, data={**form, "payment_method": "pm_card_visa"})
        expect(paid.status_code == 200, f"a good card is taken: {paid.text[:500]}")
        answer: Json = paid.json()
        return answer

    def book(self, service: Json, held: Json) -> Json:
        """Book the held time, twice with one key: it is one booking."""
        body: Json = {
            "serviceId": service["id"],
            "scheduledDateTime": held["startTime"],
            "customerName": "Demo Customer",
            "customerEmail": f"demo+{uuid.uuid4().hex[:8]}@example.com",
            "customerPhone": "(713) 555-0123",
            "termsAccepted": True,
            "holdId": held["holdId"],
            "holdToken": held["holdToken"],
        }
        if self.zip_code:
            body["address"] = {
                "street": "1200 Demo Street",
                "city": "League City",
                "state": "TX",
                "zip": self.zip_code,
            }
        headers = {"Idempotency-Key": f"demo-{uuid.uuid4()}"}
        made = self.call("POST", "/bookings", status=201, json=body, headers=headers)
        again = self.call("POST", "/bookings", status=201, json=body, headers=headers)
        expect(again == made, "the same key gives the same answer")
        return made

    def confirm(self, intent: Json, made: Json) -> Json:
        """Settle the payment and read the confirmed booking."""
        headers = {"Authorization": f"Bearer {made['accessToken']}"}
        body = {
            "paymentIntentId": intent["paymentIntentId"],
            "clientSecret": intent["clientSecret"],
        }
        settled = self.call("POST", "/payments/confirm", status=200, json=body)
        expect(settled["payment"]["status"] == "SUCCEEDED", "the payment succeeded")
        path = f"/bookings/{made['booking']['id']}"
        self.call("GET", path, status=401)
        booking = self.call("GET", path, status=200, headers=headers)
        expect(booking["status"] == "CONFIRMED", f"the booking stands, not {booking['status']}")
        expect(booking["amountDue"] == 0, "nothing is due now")
        paid = round(booking["amountPaid"] + booking["balanceDue"], 2)
        expect(paid == booking["pricing"]["finalPrice"], "paid and balance are the price")
        return booking

    def mail(self, booking: Json) -> Json:
        """Wait for the confirmation to arrive."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self.sandbox.get(
                "/_sandbox/mails", params={"to": booking["customer"]["email"]}
            ).json()
            mails: list[Json] = answer["data"]
            for mail in mails:
                if booking["reference"] in f"{mail['subject']} {mail.get('text', '')}":
                    return mail
            time.sleep(0.2)
        raise PromiseBrokenError("the confirmation mail arrives within 30 seconds")

    def timeline(self, made: Json) -> list[str]:
        """Read what happened to the booking."""
        headers = {"Authorization": f"Bearer {made['accessToken']}"}
        path = f"/bookings/{made['booking']['id']}/events"
        actions = [
            one["action"] for one in self.call("GET", path, status=200, headers=headers)["data"]
        ]
        for action in ("created", "payment_processed", "confirmed"):
            expect(actions.count(action) == 1, f"the timeline says {action} once")
        return actions


def own_address() -> str | None:
    """Give a loopback address that is another customer's each time: limits count by address.

    None where only the one address can be used; then a few runs a minute are all one gets.
    """
    address = f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250)}.{secrets.randbelow(250)}"
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return None
    return address


def main() -> int:
    """Walk both kinds of service; give the exit code."""
    port, sandbox_port = os.environ.get("PORT", "8000"), os.environ.get("SANDBOX_PORT", "8100")
    begun = time.perf_counter()
    with (
        httpx.Client(
            base_url=f"http://{LOOPBACK}:{port}",
            timeout=20,
            transport=httpx.HTTPTransport(local_address=own_address()),
        ) as site,
        httpx.Client(base_url=f"http://{LOOPBACK}:{sandbox_port}", timeout=20) as sandbox,
    ):
        try:
            Demo(site=site, sandbox=sandbox, slug="standard-notary", zip_code="77573").run()
            Demo(site=site, sandbox=sandbox, slug="ron", zip_code=None).run()
        except (PromiseBrokenError, httpx.HTTPError, KeyError, StopIteration) as problem:
            print(f"\nNot as promised: {problem!r}", file=sys.stderr, flush=True)
            return 1
    print(f"\nEverything as promised, in {time.perf_counter() - begun:.1f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
