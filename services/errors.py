"""What the catalogue refuses; pure, so that pricing can raise it without Django."""

from __future__ import annotations

from enum import StrEnum

from hmnp.core.errors import DomainError, NotFound


class ServiceNotFound(NotFound):
    code = "SERVICE_NOT_FOUND"
    message = "There is no such service."


class InvalidService(DomainError):
    code = "INVALID_SERVICE"
    status = 400
    message = "This service does not exist or is not offered now."


class OutOfServiceArea(DomainError):
    code = "OUT_OF_SERVICE_AREA"
    status = 422
    message = "This ZIP code is beyond the area we drive to."


class UnknownZip(DomainError):
    code = "UNKNOWN_ZIP"
    status = 422
    message = "We do not know where this ZIP code is."


class PromoReason(StrEnum):
    """Why a promo code was refused, in the order the checks are made."""

    UNKNOWN = "UNKNOWN"
    INACTIVE = "INACTIVE"
    NOT_STARTED = "NOT_STARTED"
    EXPIRED = "EXPIRED"
    USED_UP = "USED_UP"
    USED_BY_CUSTOMER = "USED_BY_CUSTOMER"
    OTHER_SERVICE = "OTHER_SERVICE"
    BELOW_MINIMUM = "BELOW_MINIMUM"


_PROMO_MESSAGES = {
    PromoReason.UNKNOWN: "We do not know this promo code.",
    PromoReason.INACTIVE: "This promo code is not active.",
    PromoReason.NOT_STARTED: "This promo code is not valid yet.",
    PromoReason.EXPIRED: "This promo code has ended.",
    PromoReason.USED_UP: "This promo code has been used up.",
    PromoReason.USED_BY_CUSTOMER: "You have used this promo code as often as it allows.",
    PromoReason.OTHER_SERVICE: "This promo code is for another service.",
    PromoReason.BELOW_MINIMUM: "The price is below this promo code's minimum.",
}


class PromoInvalid(DomainError):
    """The promo code cannot be used; `details.reason` is a `PromoReason`."""

    code = "PROMO_INVALID"
    status = 422

    def __init__(self, reason: PromoReason) -> None:
        self.reason = reason
        super().__init__(
            _PROMO_MESSAGES[reason], field="promoCode", details={"reason": reason.value}
        )
