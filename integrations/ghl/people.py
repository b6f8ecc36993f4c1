"""The customer as a contact: written once, again only when their details here change, and tagged.

What staff correct in the CRM is not overwritten: only what we wrote last and what we would write
now are compared.
"""

from __future__ import annotations

from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from integrations.errors import ConnectorError
from integrations.ghl import client, mapping, refs
from integrations.ghl.mapping import Json
from integrations.models import ExternalRef
from integrations.states import Destination

_LIVE = (BookingStatus.CONFIRMED.value, BookingStatus.IN_PROGRESS.value)


def bring(*, booking: Booking) -> Json | None:
    """Give the customer's contact, made or changed as needed.

    None for a booking that the CRM need not hold and whose customer it does not know.
    """
    fields = mapping.contact_fields(booking)
    written = mapping.contact_hash(fields)
    ref = refs.find(booking_id=booking.pk, kind=refs.CONTACT)
    if ref is None:
        there = client.find_contact(email=booking.customer_email, phone=fields["phone"])
    else:
        there = client.get_contact(contact_id=ref.external_id)
        if there is not None and ref.written_hash == written:
            return there
    if not mapping.is_shown(booking):
        return there
    contact = _update(booking, str(there["id"]), fields) if there else None
    if contact is None:
        contact = client.upsert_contact(fields=fields)
    refs.write(
        booking=booking,
        kind=refs.CONTACT,
        external_id=str(contact["id"]),
        written_hash=written,
    )
    return contact


def _update(booking: Booking, contact_id: str, fields: Json) -> Json | None:
    try:
        return client.update_contact(contact_id=contact_id, fields=fields)
    except ConnectorError as error:
        if error.status != 400 or "duplicate" not in error.reason.lower():
            raise
    # The e-mail or phone is another contact's. Whether the two are one person, people must say.
    names = {name: fields[name] for name in ("firstName", "lastName")}
    contact = client.update_contact(contact_id=contact_id, fields=names)
    transactions.run(
        lambda: open_case(
            kind=CaseKind.OUTSIDE_MISMATCH,
            key=f"ghl-twins:{booking.pk}",
            subject=f"ghl:{contact_id}",
            booking_id=booking.pk,
            summary="The CRM has two contacts with this customer's e-mail and phone: merge them.",
            repair="",
        )
    )
    return contact


def tag(*, booking: Booking, contact: Json) -> None:
    """Put the contact's tags right: where it came from, its services, and how its booking stands.

    A contact has one status tag, that of its next appointment, or else of its last change.
    """
    contact_id = str(contact["id"])
    standing, services = _standing_of(booking, contact_id)
    wanted = {f"source:{mapping.SOURCE}", mapping.status_tag(standing)}
    wanted |= {f"service:{slug}" for slug in services}
    present = mapping.tags_of(contact)
    stale = {name for name in present - wanted if name.startswith(mapping.STATUS_TAGS)}
    if stale:
        client.remove_tags(contact_id=contact_id, tags=stale)
    if wanted - present:
        client.add_tags(contact_id=contact_id, tags=wanted - present)


def _standing_of(booking: Booking, contact_id: str) -> tuple[Booking, set[str]]:
    ids = ExternalRef.objects.filter(
        system=Destination.GHL.value, kind=refs.CONTACT, external_id=contact_id
    ).values_list("booking_id", flat=True)
    bookings = list(Booking.objects.select_related("service").filter(pk__in=[*ids, booking.pk]))
    live = [each for each in bookings if each.status in _LIVE]
    standing = (
        min(live, key=lambda each: (each.starts_at, each.pk))
        if live
        else max(bookings, key=lambda each: (each.updated_at, each.pk))
    )
    return standing, {each.service.slug for each in bookings}
