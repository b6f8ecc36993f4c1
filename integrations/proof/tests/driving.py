"""Proof as the sandbox plays it, and a remote booking that lives through everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.store_document import store_document
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.models import Booking, BookingDocument
from bookings.tests.factories import CUSTOMER, STAFF
from bookings.tests.remote import PDF, start_of_work
from integrations import delivery
from integrations.models import ExternalRef, OutboxJob
from integrations.states import Destination

ADA = {"name": "Ada Ann Signer", "email": "ada@example.com", "phone": "+17135550123"}
BEN = {"name": "Ben Signer", "email": "ben@example.com"}
ENDED = ("recalled", "deleted", "expired", "declined")


@dataclass
class Outside:
    """The sandbox's side: what it holds, and its knobs."""

    web: httpx.Client

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.web.post(f"/_sandbox{path}", json=body or {})
        assert answer.status_code < 300, answer.text
        return answer.json()

    def fault(self, action: str, *, method: str, path: str, ms: int = 1_000) -> None:
        match = {"system": "proof", "method": method, "path": path}
        self.post("/faults", {"action": action, "match": match, "ms": ms})

    def faults_left(self) -> int:
        return len(self.web.get("/_sandbox/faults").json()["data"])

    def forget_faults(self) -> None:
        self.web.delete("/_sandbox/faults")

    def process(self) -> None:
        """Let what is being worked on be done."""
        self.post("/advance", {"seconds": 1})

    def play(self, name: str, step: str, **wish: Any) -> Any:
        return self.post(f"/proof/transactions/{name}/{step}", wish)

    def held(self, booking: Booking) -> list[dict[str, Any]]:
        name = {"external_id": str(booking.pk)}
        found = self.web.get("/_sandbox/proof/transactions", params=name).json()["data"]
        return list(found)

    def live(self, booking: Booking) -> list[dict[str, Any]]:
        return [one for one in self.held(booking) if one["detailed_status"] not in ENDED]

    def events(self, name: str) -> list[dict[str, Any]]:
        ledger = self.web.get("/_sandbox/ledger").json()["proof_events"]
        return [one for one in ledger if one["data"]["transaction_id"] == name]


def upload(booking: Booking, name: str = "deed.pdf") -> BookingDocument:
    return store_document(
        booking_id=booking.pk,
        upload=SimpleUploadedFile(name, PDF + name.encode() + b"\n%%EOF\n"),
        actor=CUSTOMER,
        now=timezone.now(),
    )


def name_signers(booking: Booking, *people: dict[str, str]) -> None:
    changes = BookingChanges(details={"signer_details": list(people)})
    update_booking(booking_id=booking.pk, changes=changes, actor=CUSTOMER, now=timezone.now())


def move(booking: Booking, *, hour: int) -> None:
    changes = BookingChanges(starts_at=start_of_work(hour=hour))
    update_booking(booking_id=booking.pk, changes=changes, actor=STAFF, now=timezone.now())


def cancel(booking: Booking) -> None:
    cancel_booking(booking_id=booking.pk, reason="", actor=STAFF, now=timezone.now())


def sync(outside: Outside, booking: Booking, *, tries: int = 8) -> OutboxJob | None:
    """Do the booking's newest job until it ends, as workers do in time; give it."""
    for _ in range(tries):
        job = OutboxJob.objects.filter(
            booking_id=booking.pk, destination=Destination.PROOF.value, state="READY"
        ).first()
        if job is None:
            break
        OutboxJob.objects.filter(pk=job.pk).update(run_at=timezone.now() - timedelta(seconds=1))
        delivery.attempt(job_id=job.pk)
        outside.process()
    return (
        OutboxJob.objects.filter(booking_id=booking.pk, destination=Destination.PROOF.value)
        .order_by("-version")
        .first()
    )


def done(outside: Outside, booking: Booking) -> OutboxJob:
    """Do what is to be done and expect it to end well."""
    job = sync(outside, booking)
    assert job is not None
    assert job.state == "SUCCEEDED", (job.state, job.last_error)
    return job


def ref(booking: Booking, kind: str = "transaction") -> ExternalRef:
    return ExternalRef.objects.get(booking=booking, system="proof", kind=kind)


def equals(outside: Outside, booking: Booking) -> dict[str, Any]:
    """Expect exactly one live transaction, equal to the booking, and give it."""
    booking.refresh_from_db()
    (one,) = outside.live(booking)
    assert ref(booking).external_id == one["id"]
    kept = booking.files.filter(status="STORED")
    assert sorted(d["sha256"] for d in one["documents"]) == sorted(d.sha256 for d in kept)
    people = booking.signer_details or [{"email": booking.customer_email}]
    assert [s["email"] for s in one["signers"]] == [p["email"] for p in people]
    opens = datetime.fromisoformat(one["activation_time"])
    assert opens == booking.starts_at - timedelta(minutes=15)
    assert datetime.fromisoformat(one["expiry"]) == booking.ends_at + timedelta(hours=1)
    return dict(one)


def cases(booking: Booking, **conditions: Any) -> list[tuple[str, str]]:
    """Give what a person is called for; the money of these tests is in no ledger."""
    found = apps.get_model("desk", "Case")._default_manager.filter(booking_id=booking.pk)
    found = found.exclude(kind__startswith="REFUND").filter(**conditions).order_by("opened_at")
    return list(found.values_list("kind", "summary"))
