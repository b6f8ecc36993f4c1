"""V1's thirteen statuses, and those that are none, as ours. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from bookings.states import BookingStatus

WAITING = ("REQUESTED", "PAYMENT_PENDING", "AWAITING_CLIENT_ACTION")
AGREED = ("CONFIRMED", "SCHEDULED", "READY_FOR_SERVICE", "IN_PROGRESS", "REQUIRES_RESCHEDULE")
CANCELLED = ("CANCELLED_BY_CLIENT", "CANCELLED_BY_STAFF")
ENDED = ("COMPLETED", "NO_SHOW", "ARCHIVED", *CANCELLED)
THIRTEEN = (*WAITING, *AGREED, *ENDED)

# What V1's code wrote although its own list does not have it.
_MEANT = {
    "NEW": "REQUESTED",
    "DRAFT": "REQUESTED",
    "PENDING": "PAYMENT_PENDING",
    "PENDING_PAYMENT": "PAYMENT_PENDING",
    "AWAITING_PAYMENT": "PAYMENT_PENDING",
    "EXPIRED": "PAYMENT_PENDING",
    "PAID": "CONFIRMED",
    "BOOKED": "CONFIRMED",
    "RESCHEDULED": "SCHEDULED",
    "READY": "READY_FOR_SERVICE",
    "STARTED": "IN_PROGRESS",
    "DONE": "COMPLETED",
    "COMPLETE": "COMPLETED",
    "NOSHOW": "NO_SHOW",
    "CANCELLED": "CANCELLED_BY_CLIENT",
    "CANCELED": "CANCELLED_BY_CLIENT",
    "CANCELLED_BY_CUSTOMER": "CANCELLED_BY_CLIENT",
}

_OURS = {
    BookingStatus.PENDING_PAYMENT: "PAYMENT_PENDING",
    BookingStatus.CONFIRMED: "CONFIRMED",
    BookingStatus.IN_PROGRESS: "IN_PROGRESS",
    BookingStatus.COMPLETED: "COMPLETED",
    BookingStatus.NO_SHOW: "NO_SHOW",
    # V1 has no word for it: nobody paid in time, so the client let it go.
    BookingStatus.EXPIRED: "CANCELLED_BY_CLIENT",
}


@dataclass(frozen=True)
class Standing:
    """What a V1 booking says of itself; `net_cents` is what is kept of its money."""

    status: str
    ends_at: datetime
    starts_at: datetime
    net_cents: int
    was_served: bool
    was_missed: bool
    was_cancelled: bool


@dataclass(frozen=True)
class Meant:
    """The status here; `repair`, if a person must look at it."""

    status: BookingStatus
    repair: str = ""


def canonical(written: object) -> str:
    """Give one of the thirteen. Raises ValueError."""
    name = re.sub(r"[\s-]+", "_", str(written or "").strip()).upper()
    name = _MEANT.get(name, name)
    if name not in THIRTEEN:
        raise ValueError(f"status {written!r} is none of V1's")
    return name


def meant(*, standing: Standing, now: datetime) -> Meant:
    """Give what a V1 booking is here.

    What is to come and unpaid stands (the due amount is waived); what is past and unpaid has
    expired. V1 closed nothing by itself: an agreed appointment that is past was held.
    """
    status = standing.status
    if status == "ARCHIVED":
        status = _before_archived(standing)
    if status == "COMPLETED":
        return Meant(BookingStatus.COMPLETED)
    if status == "NO_SHOW":
        return Meant(BookingStatus.NO_SHOW)
    if status in CANCELLED:
        return Meant(BookingStatus.CANCELLED)
    if standing.ends_at > now:
        if status == "IN_PROGRESS" and standing.starts_at <= now:
            return Meant(BookingStatus.IN_PROGRESS)
        repair = "agree_new_time" if status == "REQUIRES_RESCHEDULE" else ""
        return Meant(BookingStatus.CONFIRMED, repair)
    if status == "REQUIRES_RESCHEDULE":
        return Meant(BookingStatus.CANCELLED, "agree_or_refund" if standing.net_cents else "")
    if status in WAITING and not standing.net_cents:
        return Meant(BookingStatus.EXPIRED)
    return Meant(BookingStatus.COMPLETED)


def _before_archived(standing: Standing) -> str:
    """Say what an archived booking was; V1 forgot, so by what else the row tells."""
    if standing.was_cancelled:
        return "CANCELLED_BY_CLIENT"
    if standing.was_missed:
        return "NO_SHOW"
    if standing.was_served or standing.net_cents:
        return "COMPLETED"
    return "CANCELLED_BY_STAFF"


def in_v1_words(*, status: BookingStatus, cancelled_by: str = "") -> str:
    """Give the word of V1 for a status of ours."""
    if status is BookingStatus.CANCELLED:
        by_client = cancelled_by in ("customer", "partner", "")
        return "CANCELLED_BY_CLIENT" if by_client else "CANCELLED_BY_STAFF"
    return _OURS[status]
