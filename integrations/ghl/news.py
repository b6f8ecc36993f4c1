"""What we are told of, or find, in the CRM: each object is looked at as it is there now."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from integrations import outbox
from integrations.ghl import client, mapping, outside, refs
from integrations.ghl.mapping import Json
from integrations.ghl.outside import Outcome
from integrations.inbound import NotYetKnown
from integrations.models import ExternalRef, OutboxJob
from integrations.refs import booking_of
from integrations.states import Destination, InboxState, JobKind

# Our own write is told of before we have its answer; who waits longer is not ours.
PATIENCE = timedelta(minutes=10)
_LIVE = (BookingStatus.CONFIRMED.value, BookingStatus.IN_PROGRESS.value)


def hear_appointment(*, appointment_id: str, since: datetime, now: datetime) -> InboxState:
    """Act on one appointment; `since` is when we were first told of it.

    Raises `NotYetKnown` and `ConnectorError`.
    """
    ref = booking_of(system=Destination.GHL, kind=refs.APPOINTMENT, external_id=appointment_id)
    appointment = client.get_appointment(appointment_id=appointment_id)
    if ref is not None:
        hold_against(ref=ref, appointment=appointment, now=now)
        return InboxState.DONE
    if appointment is None or appointment.get("calendarId") != settings.GHL_CALENDAR_ID:
        return InboxState.IGNORED
    if now - since < PATIENCE:
        raise NotYetKnown("no booking of ours has this appointment yet")
    meet_stranger(appointment=appointment)
    return InboxState.DONE


def hold_against(*, ref: ExternalRef, appointment: Json | None, now: datetime) -> bool:
    """Act on what became of a booking's appointment (None: it is gone); tell if that was anything.

    Raises `ConnectorError`.
    """
    if appointment is None:
        if not mapping.is_shown(Booking.objects.get(pk=ref.booking_id)):
            return False
        resync(booking_id=ref.booking_id)
        return True
    outcome = outside.take(ref=ref, appointment=appointment, now=now)
    if outcome is Outcome.REFUSED:
        resync(booking_id=ref.booking_id)
    return outcome is not Outcome.OURS


def resync(*, booking_id: UUID) -> None:
    """Have the CRM brought to what the booking is, in a job of its own."""
    transactions.run(lambda: _ask_again(booking_id))


def _ask_again(booking_id: UUID) -> None:
    booking = Booking.objects.only("pk", "version").get(pk=booking_id)
    last = (
        OutboxJob.objects.filter(
            kind=JobKind.SYNC.value, destination=Destination.GHL.value, booking_id=booking_id
        )
        .order_by("-version")
        .first()
    )
    if last is None:
        return  # nothing was ever asked of the CRM for it
    outbox.enqueue_sync(
        destination=Destination.GHL,
        booking_id=booking_id,
        version=booking.version,
        policy=outbox.Policy(
            max_attempts=last.max_attempts,
            give_up_after=last.give_up_after,
            priority=last.priority,
            is_required=last.is_required,
        ),
    )


def meet_stranger(*, appointment: Json) -> bool:
    """Act on an appointment in our calendar that no booking is known by; tell if that was anything.

    One with a booking's reference is ours, its answer was lost: it is written down, or removed as
    a twin by the booking's next sync. Any other was booked in the CRM: a person is told.
    """
    name = str(appointment["id"])
    if appointment.get("appointmentStatus") == "cancelled":
        return False
    reference = mapping.reference_in(appointment.get("title"))
    booking = Booking.objects.filter(reference=reference).first() if reference else None
    if booking is not None:
        if refs.find(booking_id=booking.pk, kind=refs.APPOINTMENT) is None:
            refs.adopt(booking=booking, external_id=name, state=mapping.state_of(appointment))
        resync(booking_id=booking.pk)
        return True
    transactions.run(
        lambda: open_case(
            kind=CaseKind.OUTSIDE_MISMATCH,
            # The comparison calls it the same: it is one case.
            key=f"ghl:{name}"[:120],
            subject=f"ghl:{name}"[:120],
            summary="Somebody booked in the CRM, in the calendar of this site's bookings: book it"
            " here, or move it to another calendar. No notary is held for it.",
            repair="",
        )
    )
    return True


def hear_contact(*, contact_id: str) -> InboxState:
    """Compare a contact with the customer of each coming booking; a person is told of differences.

    Neither side is overwritten: the address of a confirmation is not changed from afar.
    """
    known = ExternalRef.objects.filter(
        system=Destination.GHL.value, kind=refs.CONTACT, external_id=contact_id
    ).values_list("booking_id", flat=True)
    bookings = list(Booking.objects.filter(pk__in=known, status__in=_LIVE))
    if not bookings:
        return InboxState.IGNORED
    contact = client.get_contact(contact_id=contact_id)
    for booking in bookings:
        if contact is None:
            resync(booking_id=booking.pk)
        else:
            compare_contact(booking=booking, contact=contact)
    return InboxState.DONE


def compare_contact(*, booking: Booking, contact: Json) -> None:
    """Open a case when the CRM has another e-mail or phone for the customer; settle it when not.

    What another booking of the same contact says is no news: we wrote it there ourselves.
    """
    same = ExternalRef.objects.filter(
        system=Destination.GHL.value, kind=refs.CONTACT, external_id=str(contact["id"])
    )
    ours = [booking, *Booking.objects.filter(pk__in=same.values("booking_id"))]
    emails = {each.customer_email.lower() for each in ours}
    phones = {_digits(str(each.customer_phone)) for each in ours}
    differing = []
    if str(contact.get("email") or "").strip().lower() not in emails:
        differing.append("e-mail address")
    if _digits(str(contact.get("phone") or "")) not in phones:
        differing.append("phone number")
    key = f"ghl-contact:{booking.pk}"

    def work() -> None:
        if not differing:
            settle_case(
                kind=CaseKind.OUTSIDE_CHANGE, key=key, how="the CRM and the booking agree again"
            )
            return
        open_case(
            kind=CaseKind.OUTSIDE_CHANGE,
            key=key,
            subject=f"ghl:{contact['id']}"[:120],
            booking_id=booking.pk,
            summary=f"The CRM has another {' and '.join(differing)} for the customer of"
            f" {booking.reference}. Put it into the booking, or correct the CRM.",
            repair="",
        )

    transactions.run(work)


def _digits(phone: str) -> str:
    """Give what is the same however a number of this country is written."""
    return "".join(char for char in phone if char.isdigit())[-10:]
