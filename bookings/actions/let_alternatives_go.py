"""Free the times that were kept for a customer who did not want them."""

from __future__ import annotations

from uuid import UUID

from bookings import courtesy


def let_alternatives_go(*, booking_id: UUID) -> None:
    """Release every kept time of a booking, inside the caller's transaction, first of its locks."""
    courtesy.release_kept(courtesy.lock_courtesy_holds(booking_id=booking_id))
