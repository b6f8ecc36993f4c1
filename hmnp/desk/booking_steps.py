"""What may be done with a booking next, and by whom: one table for the page and its buttons.

Every step is an action that the API has too; the action decides, under its locks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bookings.actions.complete_booking import complete_booking
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.start_booking import start_booking
from bookings.models import Booking
from bookings.policy import NO_SHOW, Policy, settle
from bookings.states import LIVE_STATUSES, BookingStatus
from hmnp.core.money import show
from hmnp.desk.reach import Reach

_PENDING, _CONFIRMED, _RUNNING = LIVE_STATUSES
Deed = Callable[..., Booking]


@dataclass(frozen=True)
class Step:
    """A button. `is_notarys`: the notary whose job it is may press it too."""

    code: str
    label: str
    statuses: tuple[BookingStatus, ...]
    is_notarys: bool = False
    is_grave: bool = False
    needs_begun: bool = False
    url_name: str = "admin-booking-step"


@dataclass(frozen=True)
class PlainStep:
    """A step that asks nothing but to be confirmed."""

    deed: Deed
    heading: str
    says: Callable[[Booking], list[str]]
    done: str
    button: str


STEPS = (
    Step("start", "Start the appointment", (_CONFIRMED,), is_notarys=True),
    Step("complete", "Complete", (_RUNNING,), is_notarys=True),
    Step(
        "no-show",
        "Nobody was there",
        (_CONFIRMED, _RUNNING),
        is_notarys=True,
        is_grave=True,
        needs_begun=True,
    ),
    Step("move", "Move", (_PENDING, _CONFIRMED), url_name="admin-booking-move"),
    Step("assign", "Give to another notary", LIVE_STATUSES, url_name="admin-booking-assign"),
    Step("edit", "Change details", (_PENDING, _CONFIRMED), url_name="admin-booking-edit"),
    Step("cancel", "Cancel", LIVE_STATUSES, is_grave=True, url_name="admin-booking-cancel"),
)


def steps_for(*, booking: Booking, reach: Reach, now: datetime) -> list[Step]:
    """Give the steps this member of staff may take with a booking now."""
    return [
        step
        for step in STEPS
        if BookingStatus(booking.status) in step.statuses
        and may_take(step, reach=reach)
        and not (step.needs_begun and booking.starts_at > now)
    ]


def may_take(step: Step, *, reach: Reach) -> bool:
    """Tell whether they may take a step with a booking within reach."""
    return reach.may_change or (step.is_notarys and not reach.is_all)


def step_of(code: str) -> Step | None:
    """Give the step called `code`."""
    return next((step for step in STEPS if step.code == code), None)


def _no_show_says(booking: Booking) -> list[str]:
    kept = settle(
        tier=Policy.from_snapshot(booking.policy).tier(NO_SHOW),
        net_paid_cents=booking.net_paid_cents,
        travel_fee_cents=booking.pricing["travel_fee_cents"],
    )
    return [
        f"{show(booking.net_paid_cents)} was paid. We keep {show(kept.kept_cents)}, "
        f"{show(kept.refund_cents)} goes back.",
        "This cannot be taken back.",
    ]


def _start_says(booking: Booking) -> list[str]:
    if booking.balance_due_cents:
        return [f"{show(booking.balance_due_cents)} is still to be paid."]
    return ["Everything is paid."]


PLAIN_STEPS: dict[str, PlainStep] = {
    "start": PlainStep(
        start_booking,
        "The notary is with the customer",
        _start_says,
        "The appointment has begun.",
        "Start the appointment",
    ),
    "complete": PlainStep(
        complete_booking,
        "Everything is signed",
        _start_says,
        "The appointment is done.",
        "Complete",
    ),
    "no-show": PlainStep(
        mark_no_show,
        "The notary was there, the customer was not",
        _no_show_says,
        "Kept as: nobody was there.",
        "Nobody was there",
    ),
}
