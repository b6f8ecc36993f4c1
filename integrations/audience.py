"""Where a customer's message goes: always by mail, and by SMS to who agreed to it."""

from __future__ import annotations

from django.conf import settings

from bookings.models import Booking
from integrations.sms import mapping, opt_outs
from integrations.states import Destination, MessageKind

Recipient = tuple[Destination, str]


def of_customer(*, booking: Booking, kind: MessageKind) -> list[Recipient]:
    """Give every place at which the customer gets a message of this kind."""
    places = [(Destination.MAIL, booking.customer_email)]
    number = str(booking.customer_phone)
    if (
        kind in mapping.KINDS
        and booking.confirmed_at is not None
        and Destination.SMS.value not in settings.INTEGRATIONS_OFF
        and opt_outs.may_be_texted(booking=booking, number=number)
    ):
        places.append((Destination.SMS, number))
    return places
