"""Why a slot cannot be had and a booking cannot be changed. No Django."""

from __future__ import annotations

from hmnp.core.errors import DomainError


class SlotTaken(DomainError):
    """Occupied; `details.alternatives` names the next three times."""

    code = "SLOT_TAKEN"
    status = 409
    message = "This time has just been taken."


class SlotUnavailable(DomainError):
    """Never bookable as asked: notice, horizon, hours, grid, blackout, no notary for it."""

    code = "SLOT_UNAVAILABLE"
    status = 409
    message = "This time cannot be booked."


class TooManyHolds(DomainError):
    code = "TOO_MANY_HOLDS"
    status = 409
    message = "Too many times are being held from here; let one go first."


class HoldNotFound(DomainError):
    code = "HOLD_NOT_FOUND"
    status = 404
    message = "There is no such hold."


class HoldExpired(DomainError):
    code = "HOLD_EXPIRED"
    status = 410
    message = "The time was held until its end; please choose again."


class PriceChanged(DomainError):
    """`details.pricing` is a fresh calculation, or `field` names what an intent has frozen."""

    code = "PRICE_CHANGED"
    status = 409
    message = "The price is not the one you were shown."


class InvalidStatusTransition(DomainError):
    code = "INVALID_STATUS_TRANSITION"
    status = 409
    message = "The booking is not in a state that allows this."


class CannotCancel(DomainError):
    code = "CANNOT_CANCEL"
    status = 409
    message = "This booking can no longer be cancelled."


class NothingDue(DomainError):
    code = "NOTHING_DUE"
    status = 409
    message = "There is nothing to pay now."
