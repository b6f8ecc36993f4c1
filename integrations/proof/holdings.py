"""Which transaction stands for a booking: written down before it is made, found again after.

Proof names its transactions itself. So before one is made a reference is written that says only
that there may be one; while it stands, the next run looks for it by the booking's id first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from bookings.sessions import ENDED, SessionStatus
from integrations import refs
from integrations.models import ExternalRef
from integrations.proof import client
from integrations.proof.mapping import HeldDocument, Transaction, Wanted, is_newer, rank
from integrations.states import Destination

TRANSACTION = "transaction"
FORMER = "former_transaction"
TWIN = "twin"
DOCUMENT = "document"
# What a transaction is called here once we have taken it back.
CLOSED = "recalled"
_SOUGHT = "sought:"
# More than two clocks can differ, and than a call can take.
_MARGIN = timedelta(hours=1)


def ref_of(*, booking_id: UUID) -> ExternalRef | None:
    """Give the reference of the booking's transaction, if one was ever begun."""
    found = refs.find(booking_id=booking_id, system=Destination.PROOF, kind=TRANSACTION)
    return found[0] if found else None


def booking_of(*, transaction_id: str) -> ExternalRef | None:
    """Give the reference of a transaction that stands for a booking now."""
    return refs.booking_of(system=Destination.PROOF, kind=TRANSACTION, external_id=transaction_id)


def is_former(*, transaction_id: str) -> bool:
    """Tell whether a transaction once stood for a booking, and another does now."""
    return any(
        refs.booking_of(system=Destination.PROOF, kind=kind, external_id=transaction_id)
        for kind in (FORMER, TWIN)
    )


def is_sought(ref: ExternalRef) -> bool:
    """Tell whether the reference says only that there may be a transaction."""
    return ref.external_id.startswith(_SOUGHT)


def begin(*, booking_id: UUID) -> None:
    """Write down that a transaction is about to be made, or must be looked for again."""
    refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=TRANSACTION,
        external_id=f"{_SOUGHT}{booking_id}",
        version=0,
    )


def keep(
    *, booking_id: UUID, transaction: Transaction, version: int, written_hash: str
) -> ExternalRef:
    """Write down which transaction stands for the booking, and what it shows of it."""
    before = ref_of(booking_id=booking_id)
    status = transaction.status
    if before is not None and before.external_id == transaction.id:
        # A webhook may have told of a later status since this one was fetched.
        status = status if is_newer(status, than=before.status) else before.status
    return refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=TRANSACTION,
        external_id=transaction.id,
        version=version,
        written_hash=written_hash,
        status=status,
    )


def retire(*, booking_id: UUID, transaction_id: str, status: str, version: int) -> None:
    """Write down that a transaction no longer stands for the booking."""
    refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=FORMER,
        container=transaction_id,
        external_id=transaction_id,
        version=max(version, 1),
        status=status,
    )


def close(*, booking_id: UUID, ref: ExternalRef, status: str, version: int) -> None:
    """Write down that the booking's transaction is over, and that it was our doing."""
    refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=TRANSACTION,
        external_id=ref.external_id,
        version=version,
        status=status,
    )


def look(*, booking_id: UUID) -> tuple[ExternalRef | None, Transaction | None]:
    """Fetch the booking's transaction; what was begun and never heard of is looked for."""
    ref = ref_of(booking_id=booking_id)
    if ref is None:
        return None, None
    if not is_sought(ref):
        return ref, client.get(transaction_id=ref.external_id)
    found = _search(ref)
    if found is None:
        return ref, None
    return keep(booking_id=booking_id, transaction=found, version=0, written_hash=""), found


def _search(ref: ExternalRef) -> Transaction | None:
    """Find the open transaction made for the booking; of twins the one furthest along stays."""
    mine = [
        one
        for one in client.changed_since(moment=ref.created_at - _MARGIN)
        if one.external_id == str(ref.booking_id) and one.session not in ENDED
    ]
    if not mine:
        return None
    best = max(mine, key=lambda one: (rank(one.status), one.id))
    for twin in mine:
        if twin is not best:
            withdraw(twin, reason="made twice")
    return best


def note_twin(*, booking_id: UUID, transaction_id: str) -> None:
    """Write down that a second open transaction was seen; the next run takes it back.

    It comes of a call that arrived long after we had given up waiting for it.
    """
    refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=TWIN,
        container=transaction_id,
        external_id=transaction_id,
        version=0,
    )


def withdraw_twins(*, booking_id: UUID) -> None:
    """Take back every second transaction that was noted."""
    for ref in refs.find(booking_id=booking_id, system=Destination.PROOF, kind=TWIN):
        if ref.version:
            continue
        held = client.get(transaction_id=ref.external_id)
        if held is not None and held.session not in ENDED:
            withdraw(held, reason="made twice")
        refs.write(
            booking_id=booking_id,
            system=Destination.PROOF,
            kind=TWIN,
            container=ref.container,
            external_id=ref.external_id,
            version=1,
            status=CLOSED,
        )


def withdraw(transaction: Transaction, *, reason: str) -> None:
    """Remove a draft, or recall what was sent."""
    if transaction.session is SessionStatus.PREPARING:
        client.delete(transaction_id=transaction.id)
    else:
        client.recall(transaction_id=transaction.id, reason=reason)


def keep_document(*, booking_id: UUID, document_id: UUID, held_id: str, version: int) -> None:
    """Write down what a document is called at Proof."""
    refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=DOCUMENT,
        container=str(document_id),
        external_id=held_id,
        version=version,
    )


def documents_of(*, booking_id: UUID, transaction: Transaction) -> dict[str, HeldDocument]:
    """Give the documents a transaction holds by our ids; one we cannot tell by its own."""
    ours = {
        ref.external_id: ref.container
        for ref in refs.find(booking_id=booking_id, system=Destination.PROOF, kind=DOCUMENT)
    }
    return {
        one.tracking_id or ours.get(one.id) or f"?{one.id}": one for one in transaction.documents
    }


def is_written(*, ref: ExternalRef, transaction: Transaction, wanted: Wanted) -> bool:
    """Tell whether the transaction shows the booking as it is."""
    held = documents_of(booking_id=wanted.booking_id, transaction=transaction)
    return ref.written_hash == wanted.hash and set(held) == wanted.document_ids


def shows(*, transaction: Transaction, wanted: Wanted) -> bool:
    """Tell whether times and signers are the booking's, by what Proof itself says."""
    signers = wanted.fields.get("signers") or [wanted.fields["signer"]]
    emails = [one["email"].lower() for one in signers]
    times = ("activation_time", "expiry")
    return [one.email for one in transaction.signers] == emails and all(
        _is_same_instant(getattr(transaction, name), wanted.fields[name]) for name in times
    )


def _is_same_instant(held: str, wish: str) -> bool:
    try:
        return datetime.fromisoformat(held) == datetime.fromisoformat(wish)
    except ValueError:
        return False
