"""What a booking needs outside: the catalogue's rows, and the calendar its notary keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from bookings.models import Booking, Notary
from bookings.models.notary import CalendarKind
from integrations.connectors import CONNECTORS
from integrations.models import ExternalRef
from integrations.outbox import Policy
from integrations.states import Destination
from services.definitions import IntegrationName, IntegrationRule, ServiceDefinition
from services.models import ServiceIntegration

CALENDARS = {
    CalendarKind.GOOGLE: Destination.GOOGLE_CALENDAR,
    CalendarKind.CALDAV: Destination.CALDAV,
}
# Payments reach Stripe by themselves.
_ELSEWHERE = (IntegrationName.STRIPE,)


@dataclass(frozen=True)
class Need:
    destination: Destination
    policy: Policy


def sync_needs(
    *,
    booking: Booking,
    names: Collection[IntegrationName],
    previous_notary_id: int | None = None,
) -> list[Need]:
    """Give the destinations that must hear of a booking, the most urgent first.

    `names` are those the fact concerns. A calendar that the booking was in before hears of it,
    too: it has to let go.
    """
    rules = ServiceIntegration.objects.filter(service_id=booking.service_id, name__in=names)
    return [
        need
        for rule in [
            *rules.exclude(name__in=_ELSEWHERE).order_by("priority", "name"),
            *_left_behind(booking, names),
        ]
        for need in _needs(
            rule, _destinations(booking, IntegrationName(rule.name), previous_notary_id)
        )
    ]


def first_needs(
    *, booking: Booking, service: ServiceDefinition, names: Collection[IntegrationName]
) -> list[Need]:
    """Give the same for a booking of `service` that is just made: it was nowhere before."""
    return [
        need
        for rule in service.integrations
        if rule.name in names and rule.name not in _ELSEWHERE
        for need in _needs(rule, _first_destinations(booking, IntegrationName(rule.name)))
    ]


def _needs(
    rule: ServiceIntegration | IntegrationRule, destinations: Iterable[Destination]
) -> list[Need]:
    policy = Policy(
        max_attempts=rule.max_attempts,
        give_up_after=timedelta(hours=rule.give_up_after_hours),
        priority=rule.priority,
        is_required=rule.required,
    )
    return [
        Need(destination=destination, policy=policy)
        for destination in destinations
        # Until its connector is there, nothing is asked of a destination.
        if destination in CONNECTORS and destination.value not in settings.INTEGRATIONS_OFF
    ]


def _left_behind(booking: Booking, names: Collection[IntegrationName]) -> list[ServiceIntegration]:
    """Give the rule of Proof when a session became an appointment in person: it must be closed."""
    if IntegrationName.PROOF not in names:
        return []
    of_proof = ServiceIntegration.objects.filter(name=IntegrationName.PROOF.value)
    was_there = ExternalRef.objects.filter(
        booking_id=booking.id, system=Destination.PROOF.value, kind="transaction"
    )
    if of_proof.filter(service_id=booking.service_id).exists() or not was_there.exists():
        return []
    return list(of_proof[:1])


def _destinations(
    booking: Booking, name: IntegrationName, previous_notary_id: int | None
) -> list[Destination]:
    if name is not IntegrationName.GOOGLE_CALENDAR:
        return [Destination(name.value)]
    ids = [pk for pk in (booking.notary_id, previous_notary_id) if pk is not None]
    notaries = Notary.objects.filter(pk__in=ids)
    kept = {CALENDARS.get(CalendarKind(notary.calendar_kind)) for notary in notaries}
    written = ExternalRef.objects.filter(
        booking_id=booking.id, system__in=[calendar.value for calendar in CALENDARS.values()]
    )
    kept |= {Destination(system) for system in written.values_list("system", flat=True)}
    return sorted(calendar for calendar in kept if calendar is not None)


def _first_destinations(booking: Booking, name: IntegrationName) -> list[Destination]:
    if name is not IntegrationName.GOOGLE_CALENDAR:
        return [Destination(name.value)]
    kept = booking.notary and CALENDARS.get(CalendarKind(booking.notary.calendar_kind))
    return [kept] if kept else []
