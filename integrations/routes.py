"""Which fact goes where: the one table from events to outside effects.

A fact that concerns nobody outside is routed to `NOWHERE`; a fact that is missing here fails the
suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from bookings import events as bookings
from hmnp.core.cases import CaseOpened, CaseSettled
from hmnp.core.events import Event
from integrations.states import MessageKind
from payments import events as payments
from services.definitions import IntegrationName


def _always(event: Any) -> bool:  # noqa: ARG001 -- the table calls all conditions alike
    return True


@dataclass(frozen=True)
class Mail:
    """A mail about the event's booking.

    `to` picks the address out of the event, None: the customer's present one. `occurrence` names
    the occasion where the booking's version does not: such a mail is told once an occasion,
    however often the booking has changed meanwhile. `is_texted`: by SMS, too, to who agreed.
    """

    kind: MessageKind
    when: Callable[[Any], bool] = _always
    to: Callable[[Any], str] | None = None
    occurrence: Callable[[Any], str] | None = None
    is_texted: bool = False


@dataclass(frozen=True)
class Route:
    """What one kind of fact sets in motion; of the `syncs` those the booked service needs.

    `is_told_to_notary`: `notary_news` says what of it.
    """

    mails: tuple[Mail, ...] = ()
    syncs: tuple[IntegrationName, ...] = ()
    is_told_to_notary: bool = False


NOWHERE = Route()
EVERYWHERE = tuple(IntegrationName)


def _address_changed(event: bookings.BookingUpdated) -> bool:
    return bool(event.previous_email)


def _previous_address(event: bookings.BookingUpdated) -> str:
    return event.previous_email or ""


def _five_minutes(event: bookings.ManageLinkRequested | payments.PayLinkRequested) -> str:
    """Name the five minutes of the request, so that nobody's mailbox is flooded by asking."""
    minute = event.requested_at.minute // 5 * 5
    return f"{event.requested_at:%Y-%m-%dT%H}:{minute:02d}"


def _day(event: Any) -> str:  # noqa: ARG001 -- see `_always`
    """Name today, so that somebody who tries five cards hears of it once."""
    return f"{timezone.now().astimezone(ZoneInfo(settings.BUSINESS_TIME_ZONE)):%Y-%m-%d}"


def _refund(event: payments.RefundSent) -> str:
    return str(event.refund_id)


def _choice(event: payments.LateChoiceOffered) -> str:
    return str(event.choice_id)


ROUTES: dict[type[Event], Route] = {
    bookings.BookingEvent: NOWHERE,  # the family's name, never stated itself
    bookings.BookingCreated: NOWHERE,
    bookings.BookingRepriced: NOWHERE,
    bookings.BookingConfirmed: Route(
        mails=(Mail(MessageKind.CONFIRMATION, is_texted=True),),
        syncs=EVERYWHERE,
        is_told_to_notary=True,
    ),
    bookings.BookingUpdated: Route(
        mails=(
            Mail(MessageKind.CONFIRMATION, when=_address_changed),
            Mail(MessageKind.ADDRESS_CHANGED, when=_address_changed, to=_previous_address),
        ),
        syncs=EVERYWHERE,
        is_told_to_notary=True,
    ),
    bookings.BookingRescheduled: Route(
        mails=(Mail(MessageKind.RESCHEDULED, is_texted=True),),
        syncs=EVERYWHERE,
        is_told_to_notary=True,
    ),
    bookings.DocumentsChanged: Route(syncs=(IntegrationName.PROOF,)),
    bookings.IdentityCheckFailed: Route(mails=(Mail(MessageKind.IDENTITY_FAILED),)),
    bookings.BookingAssigned: Route(syncs=EVERYWHERE, is_told_to_notary=True),
    bookings.BookingStarted: Route(syncs=EVERYWHERE),
    bookings.BookingCompleted: Route(syncs=EVERYWHERE),
    bookings.BookingNoShow: Route(syncs=EVERYWHERE),
    bookings.BookingCancelled: Route(
        mails=(Mail(MessageKind.CANCELLED, is_texted=True),),
        syncs=EVERYWHERE,
        is_told_to_notary=True,
    ),
    bookings.BookingExpired: NOWHERE,
    bookings.RefundOwed: NOWHERE,  # payments acts on it; the customer hears when it is sent
    bookings.ManageLinkRequested: Route(
        mails=(Mail(MessageKind.FIND_LINK, occurrence=_five_minutes),)
    ),
    bookings.NotaryCalendarChanged: NOWHERE,  # `handlers.on_calendar_changed`: all to come
    payments.PaymentEvent: NOWHERE,  # the family's name, never stated itself
    # The confirmation says what was paid; a session is opened once nothing is due any more.
    payments.PaymentSettled: Route(syncs=(IntegrationName.PROOF,)),
    payments.PaymentFailed: Route(mails=(Mail(MessageKind.PAYMENT_FAILED, occurrence=_day),)),
    payments.RefundSent: Route(mails=(Mail(MessageKind.REFUNDED, occurrence=_refund),)),
    payments.RefundFailed: NOWHERE,  # for staff, not for the customer
    payments.LateChoiceOffered: Route(mails=(Mail(MessageKind.LATE_CHOICE, occurrence=_choice),)),
    payments.PayLinkRequested: Route(mails=(Mail(MessageKind.PAY_LINK, occurrence=_five_minutes),)),
    payments.DisputeOpened: NOWHERE,  # a case; the bank tells its customer
    payments.DisputeClosed: NOWHERE,
    CaseOpened: NOWHERE,  # the desk's
    CaseSettled: NOWHERE,
}
