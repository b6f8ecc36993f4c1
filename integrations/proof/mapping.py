"""What a booking is at Proof, and what Proof says about it in our words. No network."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import session_readiness
from bookings.models import Booking, BookingDocument
from bookings.models.booking import DocumentStatus
from bookings.sessions import OPENS_BEFORE, SessionStatus
from bookings.states import BookingStatus
from services.definitions import ServiceType

# A notary who is late is waited for.
CLOSES_AFTER = timedelta(hours=1)

LIVE = (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)
_MOST_SIGNERS = 10
_LONGEST_NAME = 30
_E164 = re.compile(r"\+[1-9]\d{7,14}")

_STATES = {
    SessionStatus.PREPARING: ("draft", "created", "started"),
    SessionStatus.READY: ("active", "sent_to_signer", "sent", "viewed", "received"),
    SessionStatus.IN_PROGRESS: (
        "meeting_in_progress",
        "attempted",
        "partially_complete",
        "esign_complete",
        "wet_sign_complete",
        "awaiting_payment",
        "payment_required",
    ),
    SessionStatus.HELD: ("on_hold", "held_for_review"),
    SessionStatus.COMPLETED: ("complete", "completed", "released"),
    SessionStatus.COMPLETED_WITH_REJECTIONS: (
        "complete_with_rejections",
        "complete_with_rejection",
        "completed_with_rejections",
        "completed_with_rejection",
    ),
    SessionStatus.EXPIRED: ("expired",),
    SessionStatus.DECLINED: ("declined",),
    SessionStatus.CLOSED: ("recalled", "deleted", "canceled", "cancelled"),
}
_STATE_OF = {raw: state for state, raws in _STATES.items() for raw in raws}
# Never back: an answer that was fetched before another may be written after it.
_RANK = {SessionStatus.PREPARING: 0, SessionStatus.READY: 1}
_RANK_BEGUN, _RANK_ENDED = 2, 3
# Somebody is, or was, with the notary: only these start the appointment.
MEETING = ("meeting_in_progress", "partially_complete")


def session_of(raw: str) -> SessionStatus:
    """Give our word for one of Proof's statuses; one we do not know is some kind of progress."""
    return _STATE_OF.get(raw, SessionStatus.IN_PROGRESS)


def rank(raw: str) -> int:
    """Order statuses by how far along they are; within one transaction none goes back."""
    state = session_of(raw)
    if state in (SessionStatus.IN_PROGRESS, SessionStatus.HELD):
        return _RANK_BEGUN
    return _RANK.get(state, _RANK_ENDED)


def is_newer(raw: str, *, than: str) -> bool:
    """Tell whether a status may replace one that was written before; the first end is final."""
    if not than:
        return True
    return raw != than and rank(than) <= rank(raw) and rank(than) < _RANK_ENDED


@dataclass(frozen=True)
class HeldSigner:
    id: str
    email: str
    link: str


@dataclass(frozen=True)
class HeldDocument:
    id: str
    tracking_id: str
    is_processed: bool
    has_failed: bool
    completion: str


@dataclass(frozen=True)
class Transaction:
    """A transaction as Proof shows it."""

    id: str
    external_id: str
    status: str
    signers: tuple[HeldSigner, ...]
    documents: tuple[HeldDocument, ...]
    record_ids: tuple[str, ...]
    activation_time: str
    expiry: str

    @property
    def session(self) -> SessionStatus:
        """Its status in our words."""
        return session_of(self.status)


def read_transaction(body: dict[str, Any]) -> Transaction:
    """Read Proof's answer; what may be absent in it is empty."""
    signers = body.get("signers") or [body.get("signer_info") or {}]
    records = body.get("notarization_records") or [body.get("notarization_record")]
    return Transaction(
        id=str(body.get("id") or ""),
        external_id=str(body.get("external_id") or ""),
        status=str(body.get("detailed_status") or body.get("status") or ""),
        signers=tuple(
            HeldSigner(
                id=str(one.get("signer_id") or one.get("id") or ""),
                email=str(one.get("email") or "").lower(),
                link=str(one.get("transaction_access_link") or ""),
            )
            for one in signers
            if one
        ),
        documents=tuple(_read_document(one) for one in body.get("documents") or []),
        record_ids=tuple(
            str(one.get("id") if isinstance(one, dict) else one) for one in records if one
        ),
        activation_time=str(body.get("activation_time") or ""),
        expiry=str(body.get("expiry") or ""),
    )


def _read_document(body: dict[str, Any]) -> HeldDocument:
    processing = str(body.get("processing_state") or "")
    return HeldDocument(
        id=str(body.get("id") or ""),
        tracking_id=str(body.get("tracking_id") or ""),
        is_processed=processing in ("done", "processed", "complete", "completed"),
        has_failed=processing in ("failed", "error"),
        completion=str(body.get("completion_state") or ""),
    )


@dataclass(frozen=True)
class Wanted:
    """What Proof must hold for a booking: the transaction's fields and the documents in it.

    `is_complete`: everything is there and paid, so that the signers may be invited.
    """

    booking_id: UUID
    fields: dict[str, Any]
    documents: tuple[BookingDocument, ...]
    closes_at: datetime
    is_complete: bool

    @property
    def hash(self) -> str:
        """Name the fields' values, to know whether they were written as they are."""
        return hashlib.sha256(json.dumps(self.fields, sort_keys=True).encode()).hexdigest()

    @property
    def document_ids(self) -> set[str]:
        """The documents as Proof tracks them."""
        return {str(one.pk) for one in self.documents}


def wanted(booking: Booking) -> Wanted | None:
    """Say what Proof must hold for the booking as it is; None: nothing that is open."""
    if booking.service.type != ServiceType.RON or booking.status not in LIVE:
        return None
    closes_at = booking.ends_at + CLOSES_AFTER
    signers = _signers(booking)
    fields: dict[str, Any] = {
        "external_id": str(booking.pk),
        "transaction_name": f"{booking.service.name} {booking.reference}"[:255],
        "payer": "sender",
        "activation_time": (booking.starts_at - OPENS_BEFORE).isoformat(),
        "expiry": closes_at.isoformat(),
        "notary_meeting_time": booking.starts_at.isoformat(),
        # Its specification requires `signer`, its guides know only `signers`.
        **({"signer": signers[0]} if len(signers) == 1 else {"signers": signers}),
    }
    documents = booking.files.filter(status=DocumentStatus.STORED).order_by("uploaded_at", "id")
    is_complete = not session_readiness.missing(booking=booking) and not booking.balance_due_cents
    return Wanted(
        booking_id=booking.pk,
        fields=fields,
        documents=tuple(documents),
        closes_at=closes_at,
        is_complete=is_complete,
    )


def document_fields(document: BookingDocument, *, content: str) -> dict[str, Any]:
    """Give a document as Proof takes it; `content` is base64."""
    return {
        "resource": content,
        "requirement": "notarization",
        "filename": document.filename,
        "tracking_id": str(document.pk),
    }


def customer_link(booking: Booking, transaction: Transaction) -> str:
    """Give the link of the customer's own session, else the first signer's."""
    mine = booking.customer_email.lower()
    links = [one.link for one in transaction.signers if one.email == mine]
    links += [one.link for one in transaction.signers]
    return links[0] if links else ""


def _signers(booking: Booking) -> list[dict[str, str]]:
    """Give the signers named so far, each address once; a draft wants at least one."""
    people = [one for one in booking.signer_details if one.get("name") and one.get("email")]
    people = people or [{"name": booking.customer_name, "email": booking.customer_email}]
    by_email = {one["email"].strip().lower(): one for one in reversed(people)}
    return [_signer(one) for one in reversed(by_email.values())][:_MOST_SIGNERS]


def _signer(person: dict[str, str]) -> dict[str, str]:
    first, _, last = person["name"].strip().rpartition(" ")
    signer = {
        "email": person["email"].strip(),
        "first_name": (first or last)[:_LONGEST_NAME].strip(),
        "last_name": (last if first else "")[:_LONGEST_NAME].strip(),
    }
    phone = person.get("phone", "")
    if _E164.fullmatch(phone):
        signer["phone_number"] = phone
    return {name: value for name, value in signer.items() if value}
