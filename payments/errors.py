"""Why money could not be taken. No Django."""

from __future__ import annotations

from hmnp.core.errors import DomainError


class PaymentFailed(DomainError):
    """No money was taken; `details.declineCode` is the provider's reason, if it gave one."""

    code = "PAYMENT_FAILED"
    status = 402
    message = "The payment did not go through; please try again or use another card."
