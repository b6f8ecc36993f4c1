"""The facts bookings states; whoever lives above reacts in the same transaction, with rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bookings.models import Booking, SlotClaim
from hmnp.core.context import Actor
from hmnp.core.events import Event
from hmnp.core.rows import Rows
from services.definitions import ServiceDefinition


@dataclass(frozen=True)
class BookingEvent(Event):
    """A fact about one booking at one version."""

    booking_id: UUID
    version: int
    actor: Actor


@dataclass(frozen=True)
class NewBooking:
    """A booking this transaction makes, its claim with it; it waits among `rows` to be written.

    Nobody else can have written anything about it.
    """

    booking: Booking
    service: ServiceDefinition
    rows: Rows


@dataclass(frozen=True)
class BookingCreated(BookingEvent):
    """A booking exists; `due_cents` must be paid before it is confirmed (0: nothing).

    `booking` and `claim` are the rows as this transaction writes them: whoever must find the
    booking in the database writes the `rows` that wait first. Nobody can have paid yet for a claim
    that is new. `payment_intent_id` is the intent the caller says was opened on the hold, if any.
    """

    booking: Booking
    claim: SlotClaim
    is_claim_new: bool
    due_cents: int
    payment_intent_id: str | None = None
    rows: Rows | None = None


@dataclass(frozen=True)
class BookingRepriced(BookingEvent):
    """The amount due before confirmation changed; no intent had frozen it yet."""

    due_cents: int


@dataclass(frozen=True)
class BookingConfirmed(BookingEvent):
    """The appointment stands; `new`: from the beginning."""

    new: NewBooking | None = None


@dataclass(frozen=True)
class BookingUpdated(BookingEvent):
    """Details changed, not the time; `previous_email` is set when the address to write to did."""

    previous_email: str | None


@dataclass(frozen=True)
class BookingRescheduled(BookingEvent):
    """Another time or place; `previous_notary_id` lost the job if it is not the booking's."""

    previous_starts_at: datetime
    previous_notary_id: int | None


@dataclass(frozen=True)
class DocumentsChanged(BookingEvent):
    """A document of a remote session was added or taken back."""


@dataclass(frozen=True)
class IdentityCheckFailed(BookingEvent):
    """A signer could not prove who they are online; in person a notary can look at an ID."""


@dataclass(frozen=True)
class BookingAssigned(BookingEvent):
    """Another notary, same time."""

    previous_notary_id: int | None


@dataclass(frozen=True)
class BookingStarted(BookingEvent):
    """The notary is with the customer."""


@dataclass(frozen=True)
class BookingCompleted(BookingEvent):
    """The work is done."""


@dataclass(frozen=True)
class BookingNoShow(BookingEvent):
    """The customer was not there."""


@dataclass(frozen=True)
class BookingCancelled(BookingEvent):
    """It will not take place; what is paid back is told by `RefundOwed`."""

    previous_status: str


@dataclass(frozen=True)
class BookingExpired(BookingEvent):
    """It was not paid in time."""


@dataclass(frozen=True)
class RefundOwed(BookingEvent):
    """`amount_cents` of what was paid go back; `reason_key` names the occasion, once a booking.

    What an earlier fact promised and has not gone back yet is part of the amount.
    """

    amount_cents: int
    reason_key: str


@dataclass(frozen=True)
class ManageLinkRequested(BookingEvent):
    """Someone who knows the reference and the address asked for a fresh link."""

    requested_at: datetime


@dataclass(frozen=True)
class NotaryCalendarChanged(Event):
    """A notary keeps another calendar from now on, or it is reached by another password."""

    notary_id: int
