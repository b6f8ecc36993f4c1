"""A customer's way to a booking, step by step, through whatever goes wrong on the way.

A step is repeated as a decent client would repeat it: with its idempotency key, after a lost
answer or a 503. What the site has acknowledged is remembered, and must be true afterwards.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from tests.faults.site import PATIENCE_SECONDS, Site

Json = dict[str, Any]
T = TypeVar("T")

INTENT_FIRST = ("hold", "intent", "card", "book", "confirm", "mail")
BOOKING_FIRST = ("hold", "book", "intent", "card", "confirm", "mail")
WITHOUT_HOLD = ("book", "intent", "card", "confirm", "mail")
ORDERS = {
    "intent first": INTENT_FIRST,
    "booking first": BOOKING_FIRST,
    "without a hold": WITHOUT_HOLD,
}
# How long a customer watches a payment that is under way, before leaving it to the bank.
BANK_SECONDS = 3.0
# Answers that mean "not now": a dead sandbox behind the site, a twin still at work.
_AGAIN = {"SERVICE_UNAVAILABLE", "IDEMPOTENCY_IN_PROGRESS"}
_numbers = itertools.count(1)


class Refused(Exception):
    """The site said no, for good; `code` says why."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{status} {code}")


@dataclass
class Flow:
    """One customer. `done` are the steps whose answers arrived."""

    site: Site
    steps: tuple[str, ...]
    slug: str = "ron"
    start: str = ""
    # Where a move leads.
    next_start: str = ""
    zip_code: str | None = None
    card_name: str = "pm_card_visa"
    # Wants texts on top of the mails.
    is_texted: bool = False
    # Gives up at the first lost answer, as who closes the page.
    gives_up: bool = False
    done: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    held: Json = field(default_factory=dict)
    opened: Json = field(default_factory=dict)
    made: Json = field(default_factory=dict)
    cancelled: Json = field(default_factory=dict)
    charged: bool = False
    refusal: str = ""
    lost: str = ""
    number: int = field(default_factory=lambda: next(_numbers))
    key: str = field(default_factory=lambda: f"fault-{uuid.uuid4()}")

    def __post_init__(self) -> None:
        self.start = self.start or self.site.next_slot()
        if "move" in self.steps:
            self.next_start = self.site.next_slot()

    @property
    def email(self) -> str:
        """The customer's address, no other customer's."""
        return f"flow-{self.number}-{self.key[-12:]}@example.com"

    @property
    def name(self) -> str:
        """Who this is, in a failed assertion."""
        return f"flow {self.number} ({'→'.join(self.done)}; {self.refusal or self.lost or 'fine'})"

    def booking(self) -> Json:
        """Read its booking's row; empty when there is none."""
        if not self.made:
            return {}
        columns = (
            "status, amount_paid_cents, amount_refunded_cents, due_now_cents, reference, starts_at"
        )
        rows = self.site.rows(
            f"SELECT {columns} FROM bookings_booking WHERE id = %s", self.made["booking"]["id"]
        )
        return dict(zip(columns.split(", "), rows[0], strict=True)) if rows else {}

    @property
    def cancelled_or_lost(self) -> bool:
        """Whether it asked to cancel; the answer may be what was lost."""
        return bool(self.cancelled) or "cancel" in self.tried

    def run(self, *, until: int | None = None) -> Flow:
        """Go on to the given number of steps, or to the end; stop at a refusal or a lost answer."""
        for step in self.steps[len(self.done) : until]:
            if self.refusal or self.lost:
                break
            self.tried.append(step)
            try:
                getattr(self, step)()
            except Refused as refused:
                self.refusal = f"{step}: {refused}"
            except _Gone:
                self.lost = step
            else:
                self.done.append(step)
        return self

    # --- the steps ---------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold the time."""
        body = {"serviceId": self.slug, "startTime": self.start} | self._zip()
        self.held = self._call("POST", "/availability/hold", body, key="hold")

    def intent(self) -> None:
        """Open the payment: on the booking if there is one, else on the hold."""
        if self.made:
            body = {"bookingId": self.made["booking"]["id"]}
        else:
            body = {"holdId": self.held["holdId"], "holdToken": self.held["holdToken"]}
        self.opened = self._call("POST", "/payments/intent", body, headers=self._credentials())

    def pay(self, card: str) -> httpx.Response:
        """Confirm the intent at the sandbox as the card field does."""
        return self.site.sandbox.post(
            f"/v1/payment_intents/{self.opened['paymentIntentId']}/confirm",
            data={
                "client_secret": self.opened["clientSecret"],
                "key": "pk_test_sandbox",
                "payment_method": card,
            },
        )

    def card(self) -> None:
        """Pay with the card, and look again when the answer was lost."""

        def once() -> bool:
            answer = self.pay(self.card_name)
            error = answer.json().get("error", {})
            if answer.status_code == 200 or error.get("code") == "payment_intent_unexpected_state":
                intent = error.get("payment_intent", answer.json())
                self.charged = intent.get("status") == "succeeded"
                if intent.get("status") == "canceled":
                    raise Refused(400, "the intent is canceled")
                return True
            if answer.status_code == 402:
                raise Refused(402, str(error.get("decline_code") or error.get("code")))
            return False

        self._again(once)

    def book(self) -> None:
        """Make the booking, from the hold if there is one."""
        body: Json = {
            "serviceId": self.slug,
            "scheduledDateTime": self.start,
            "customerName": "Fault Customer",
            "customerEmail": self.email,
            "customerPhone": "(713) 555-0123",
            "termsAccepted": True,
            "smsConsent": self.is_texted,
        }
        if self.zip_code:
            body["address"] = {
                "street": "1 Fault Street",
                "city": "League City",
                "state": "TX",
                "zip": self.zip_code,
            }
        if self.held:
            body |= {"holdId": self.held["holdId"], "holdToken": self.held["holdToken"]}
        self.made = self._call("POST", "/bookings", body, key="book")

    def confirm(self) -> None:
        """Say that the card was charged, until the site knows it too."""
        body = {
            "paymentIntentId": self.opened["paymentIntentId"],
            "clientSecret": self.opened["clientSecret"],
        }
        settled = self._call("POST", "/payments/confirm", body, until=(200,))
        if settled["payment"]["status"] != "SUCCEEDED":
            raise Refused(200, settled["payment"]["status"])

    def mail(self) -> None:
        """Wait for the confirmation; whether it really came, the judge asks the sandbox."""
        sent = (
            "SELECT 1 FROM integrations_outboxjob WHERE booking_id = %s AND destination = 'mail' "
            "AND message_kind = 'confirmation' AND recipient = %s AND state = 'SUCCEEDED'"
        )

        def has_come() -> bool:
            if self.site.rows(sent, self.made["booking"]["id"], self.email):
                return True
            # Every bell may have been answered while the mail service was given a rest.
            self.site.tick()
            return False

        self._again(has_come)

    def cancel(self) -> None:
        """Cancel the booking."""
        self.cancelled = self._call("DELETE", self._path, None, headers=self._credentials())

    def move(self) -> None:
        """Move the booking to another time."""
        body = {"scheduledDateTime": self.next_start}
        self._call("PATCH", self._path, body, headers=self._credentials())

    def release(self) -> None:
        """Give the hold back."""
        path = f"/availability/hold/{self.held['holdId']}"
        headers = {"X-Hold-Token": self.held["holdToken"]}
        self._call("DELETE", path, None, headers=headers, until=(204,))

    # --- how -----------------------------------------------------------------------------------

    @property
    def _path(self) -> str:
        return f"/bookings/{self.made['booking']['id']}"

    def _credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.made['accessToken']}"} if self.made else {}

    def _zip(self) -> Json:
        return {"zip": self.zip_code} if self.zip_code else {}

    def _call(
        self,
        method: str,
        path: str,
        body: Json | None,
        *,
        key: str = "",
        headers: dict[str, str] | None = None,
        until: tuple[int, ...] = (200, 201),
    ) -> Json:
        answers: list[Json] = []
        under_way_until = time.monotonic() + BANK_SECONDS
        headers = (headers or {}) | ({"Idempotency-Key": f"{self.key}-{key}"} if key else {})

        def once() -> bool:
            answer = self.site.http.request(method, f"/api/v2{path}", json=body, headers=headers)
            if answer.status_code in until:
                answers.append(answer.json() if answer.content else {})
                return True
            if answer.status_code == 202:
                if time.monotonic() > under_way_until:
                    raise Refused(202, "still under way")
                return False
            code = self._code(answer)
            if code in _AGAIN:
                return False
            if answer.status_code >= 500:
                self.site.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
            raise Refused(answer.status_code, code)

        self._again(once)
        return answers[0]

    def _code(self, answer: httpx.Response) -> str:
        try:
            return str(answer.json()["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return answer.text[:200]

    def _again(self, once: Callable[[], bool]) -> None:
        """Repeat until it is done; a lost answer ends it for who gives up."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if once():
                    return
            except (httpx.TransportError, ValueError) as error:
                if self.gives_up:
                    raise _Gone from error
                self.site.revive()
            time.sleep(0.1)
        raise AssertionError(f"{self.name} got no answer within {PATIENCE_SECONDS:.0f} s")


class _Gone(Exception):
    """The customer closed the page."""


def run_all(flows: Iterable[T], *, work: Callable[[T], object] = Flow.run) -> None:  # type: ignore[assignment]  # a list of anything but flows names its work
    """Run flows side by side: to the end, or as `work` does."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in pool.map(work, flows):
            pass
