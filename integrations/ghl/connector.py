"""Bring the CRM to what the booking is now: contact, tags, one opportunity, one appointment.

Everything is looked up before it is made, so that an answer that never came leaves no second one;
whatever was made twice all the same is found by our reference in its title, and removed.
"""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking
from integrations.errors import ConnectorError, NoLongerWanted
from integrations.ghl import client, mapping, outside, people, places, refs
from integrations.ghl.mapping import Json
from integrations.ghl.outside import Outcome
from integrations.models import ExternalRef, OutboxJob
from integrations.receipts import Receipt


def deliver(job: OutboxJob, now: datetime) -> Receipt:
    """Do one sync job. Raises `NoLongerWanted`, `Postponed` and `ConnectorError`."""
    booking = Booking.objects.select_related("service", "notary").get(pk=job.booking_id)
    contact = people.bring(booking=booking)
    if contact is None:
        return Receipt(note={"system": "ghl", "note": "never there"})
    contact_id = str(contact["id"])
    is_doubtful = job.attempts > 1 or job.unknown_outcomes > 0
    opportunity_id = _bring_opportunity(booking, contact_id, is_doubtful=is_doubtful)
    appointment_id = _bring_appointment(booking, contact_id, now, is_doubtful=is_doubtful)
    if not (opportunity_id or appointment_id):
        return Receipt(note={"system": "ghl", "note": "never there"})
    people.tag(booking=booking, contact=contact)
    return Receipt(
        external_id=appointment_id,
        note={
            "system": "ghl",
            "version": booking.version,
            "contact": contact_id,
            "opportunity": opportunity_id,
            "appointment": appointment_id,
        },
    )


def _bring_opportunity(booking: Booking, contact_id: str, *, is_doubtful: bool) -> str:
    ref = refs.find(booking_id=booking.pk, kind=refs.OPPORTUNITY)
    pipeline_id, stage_id = places.stage(name=mapping.stage_name(booking))
    fields = mapping.opportunity_fields(booking, pipeline_id=pipeline_id, stage_id=stage_id)
    found = _opportunities(booking, contact_id)
    try:
        for name in _candidates(ref, found):
            # Written from this very version: sales may have moved it on since.
            is_current = ref is not None and ref.version == booking.version and name in found
            if is_current or client.update_opportunity(opportunity_id=name, fields=fields):
                break
        else:
            if not mapping.is_shown(booking):
                return ""
            name = client.create_opportunity(
                fields={**fields, "contactId": contact_id, "source": mapping.SOURCE}
            )
            found = _opportunities(booking, contact_id) if is_doubtful else []
    except ConnectorError as error:
        if error.status == 400:
            places.forget()  # perhaps the pipeline was made anew
        raise
    refs.write(booking=booking, kind=refs.OPPORTUNITY, external_id=name, status=fields["status"])
    for twin in found:
        if twin != name:
            client.delete_opportunity(opportunity_id=twin)
    return name


def _opportunities(booking: Booking, contact_id: str) -> list[str]:
    return _ours(client.opportunities_of(contact_id=contact_id), booking, text="name")


def _appointments(booking: Booking, contact_id: str) -> list[str]:
    return _ours(client.appointments_of(contact_id=contact_id), booking, text="title")


def _ours(rows: list[Json], booking: Booking, *, text: str) -> list[str]:
    """Give the ids of those that bear the booking's reference: what stands first, oldest first."""

    def rank(row: Json) -> tuple[bool, str, str]:
        is_over = row.get("appointmentStatus") == "cancelled"
        return is_over, str(row.get("dateAdded") or row.get("createdAt") or ""), str(row["id"])

    ours = [row for row in rows if mapping.reference_in(row.get(text)) == booking.reference]
    return [str(row["id"]) for row in sorted(ours, key=rank)]


def _candidates(ref: ExternalRef | None, found: list[str]) -> list[str]:
    """Give what may stand for the booking, what we wrote down first."""
    known = [ref.external_id] if ref else []
    return [*known, *(name for name in found if name not in known)]


def _bring_appointment(
    booking: Booking, contact_id: str, now: datetime, *, is_doubtful: bool
) -> str:
    ref = refs.find(booking_id=booking.pk, kind=refs.APPOINTMENT)
    found = _appointments(booking, contact_id)
    for name in _candidates(ref, found):
        if (there := client.get_appointment(appointment_id=name)) is not None:
            _write_appointment(booking, ref, there, now)
            break
    else:
        if not mapping.is_shown(booking):
            return ""
        if ref is not None:
            outside.report_deletion(booking=booking, appointment_id=ref.external_id)
        name = client.create_appointment(
            fields={**mapping.appointment_fields(booking), "contactId": contact_id}
        )
        _note(booking, name, None)
        found = _appointments(booking, contact_id) if is_doubtful else []
    for twin in found:
        if twin != name:
            client.delete_appointment(appointment_id=twin)
    return name


def _write_appointment(
    booking: Booking, ref: ExternalRef | None, there: Json, now: datetime
) -> None:
    name = str(there["id"])
    wanted = mapping.wanted_state(booking)
    if ref is not None and ref.external_id == name:
        if outside.take(ref=ref, appointment=there, now=now) is Outcome.FOLLOWED:
            raise NoLongerWanted("it was changed in the CRM, and the booking with it")
        ref.refresh_from_db()
        ref = refs.expect(ref=ref, state=wanted)
    is_current = ref is not None and ref.external_id == name and ref.version == booking.version
    if is_current and mapping.state_of(there).hash == wanted.hash:
        _note(booking, name, ref)
        return
    fields = mapping.appointment_fields(booking)
    if not client.update_appointment(appointment_id=name, fields=fields):
        raise ConnectorError("removed the appointment while it was written")
    _note(booking, name, ref)


def _note(booking: Booking, appointment_id: str, ref: ExternalRef | None) -> None:
    state = mapping.wanted_state(booking)
    refs.write(
        booking=booking,
        kind=refs.APPOINTMENT,
        external_id=appointment_id,
        written_hash=refs.settled_hash(ref=ref, state=state),
        status=state.status,
    )
