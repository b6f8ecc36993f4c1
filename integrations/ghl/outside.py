"""What somebody did to an appointment in the CRM, and what becomes of the booking.

Three states are compared: what we left there, what is there now, and what the booking says. Only
there changed: the booking follows, by the customer's policy, or by ours when it was done by us.
Both changed, or the booking cannot follow: the booking stands, the CRM is put back, and a person
is told.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from django.conf import settings

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import DomainError, PreconditionFailed, ServiceUnavailable
from integrations.errors import ConnectorError
from integrations.ghl import client, mapping, refs
from integrations.ghl.mapping import Json, State
from integrations.models import ExternalRef

# How the timeline names one of us whom only the tag tells of.
_BY_TAG = "ghl:tag"
_STANDING = (BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)


class Outcome(Enum):
    """OURS: nobody there did anything new. FOLLOWED: the booking changed too. REFUSED: it did not,
    a person was told, and the CRM must be put back.
    """

    OURS = "ours"
    FOLLOWED = "followed"
    REFUSED = "refused"


def take(*, ref: ExternalRef, appointment: Json, now: datetime) -> Outcome:
    """Act on an appointment as the CRM has it now.

    Raises `ConnectorError` when something changed meanwhile and it must be looked at again.
    """
    theirs = mapping.state_of(appointment)
    booking = Booking.objects.select_related("service").get(pk=ref.booking_id)
    wanted = mapping.wanted_state(booking)
    is_known = refs.is_ours(ref=ref, state=theirs) or theirs.hash == wanted.hash
    if is_known or refs.was_refused(ref=ref, state=theirs, now=now):
        return Outcome.OURS
    if not refs.is_ours(ref=ref, state=wanted):
        _refuse(booking, ref, theirs, "both were changed, here and in the CRM")
        return Outcome.REFUSED
    try:
        actor = actor_of(appointment)
        is_followed = _follow(booking, theirs, actor, now)
    except (PreconditionFailed, ServiceUnavailable):
        raise ConnectorError("changed something while the booking changed, too") from None
    except DomainError as refusal:
        _refuse(booking, ref, theirs, str(refusal.message))
        return Outcome.REFUSED
    if not is_followed:
        _refuse(booking, ref, theirs, "only a person can decide that")
        return Outcome.REFUSED
    refs.expect(ref=ref, state=theirs)
    if actor.id == _BY_TAG:
        # It spoke for this one change.
        contact_id = str(appointment.get("contactId"))
        client.remove_tags(contact_id=contact_id, tags={settings.GHL_STAFF_TAG.lower()})
    return Outcome.FOLLOWED


def _follow(booking: Booking, theirs: State, actor: Actor, now: datetime) -> bool:
    if booking.status not in _STANDING:
        return False
    if theirs.status == "cancelled":
        cancel_booking(
            booking_id=booking.pk,
            reason="Cancelled in the CRM.",
            actor=actor,
            now=now,
            expected_version=booking.version,
            by_us=actor.type is ActorType.ADMIN,
        )
        return True
    if theirs.status == "confirmed" and theirs.starts_at != booking.starts_at:
        update_booking(
            booking_id=booking.pk,
            changes=BookingChanges(starts_at=theirs.starts_at),
            actor=actor,
            now=now,
            expected_version=booking.version,
        )
        return True
    return False


def actor_of(appointment: Json) -> Actor:
    """Say who changed an appointment: one of us in the CRM, or, for all we know, the customer.

    One of us is told by the user that the CRM names as the last to change it, or by the tag that
    they put on the contact before.
    """
    changed_by = appointment.get("updatedBy")
    user = str(changed_by.get("userId") or "") if isinstance(changed_by, dict) else ""
    if user and user in settings.GHL_STAFF_USER_IDS:
        return Actor(type=ActorType.ADMIN, id=f"ghl:{user}"[:80])
    contact = client.get_contact(contact_id=str(appointment.get("contactId")))
    if settings.GHL_STAFF_TAG.lower() in mapping.tags_of(contact or {}):
        return Actor(type=ActorType.ADMIN, id=_BY_TAG)
    return Actor(type=ActorType.PROVIDER, id="ghl")


def _refuse(booking: Booking, ref: ExternalRef, theirs: State, why: str) -> None:
    local = theirs.starts_at.astimezone(booking.zone)
    did = (
        "cancelled"
        if theirs.status == "cancelled"
        else f"set to {theirs.status} for {local:%a %d %b %H:%M}"
    )
    _open_case(
        booking,
        key=f"ghl:{ref.external_id}:{theirs.hash}",
        external_id=ref.external_id,
        summary=f"{booking.reference} was {did} in the CRM and could not follow: {why}"
        f" The booking stays {booking.status}, and the CRM is put back.",
    )
    refs.refuse(ref=ref, state=theirs)


def report_deletion(*, booking: Booking, appointment_id: str) -> None:
    """Call a person: an appointment was deleted in the CRM, and is made anew.

    The CRM does not say who deleted it, and a customer cannot: it is not taken for a cancellation.
    """
    _open_case(
        booking,
        key=f"ghl:{appointment_id}:deleted",
        external_id=appointment_id,
        summary=f"The appointment of {booking.reference} was deleted in the CRM and made anew."
        " If it is not to take place, cancel it here.",
    )


def _open_case(booking: Booking, *, key: str, external_id: str, summary: str) -> None:
    transactions.run(
        lambda: open_case(
            kind=CaseKind.OUTSIDE_CHANGE,
            key=key[:120],
            subject=f"ghl:{external_id}"[:120],
            booking_id=booking.pk,
            summary=summary[:300],
            repair="",
        )
    )
