"""A program on the site's database: let bookings expire as if Stripe had said "canceled".

Stripe's answer lied or lagged: money for these bookings can still come, and then comes late.
"""

from __future__ import annotations

import sys
from functools import partial
from uuid import UUID

import django


def main(booking_ids: list[str]) -> None:
    """Free the time of each of these bookings; their intents stay open."""
    django.setup()
    # Django's models cannot be imported before.
    from bookings.actions.begin_closing import begin_closing  # noqa: PLC0415
    from bookings.actions.finish_closing import finish_closing  # noqa: PLC0415
    from bookings.locks import lock_booking  # noqa: PLC0415
    from hmnp.core import transactions  # noqa: PLC0415
    from hmnp.core.context import SYSTEM  # noqa: PLC0415

    def lose(booking_id: UUID) -> None:
        locked = lock_booking(booking_id=booking_id)
        if locked.claim is None or not begin_closing(claim=locked.claim):
            raise RuntimeError(f"{booking_id} has no time to lose")
        now = transactions.database_now()
        finish_closing(claim=locked.claim, booking=locked.booking, actor=SYSTEM, now=now)

    for booking_id in booking_ids:
        transactions.run(partial(lose, UUID(booking_id)))


if __name__ == "__main__":
    main(sys.argv[1:])
