"""A signer who failed the identity questions: noted once per transaction, told to a person."""

from __future__ import annotations

from uuid import UUID

from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from integrations import refs
from integrations.models import ExternalRef
from integrations.states import Destination

_FAILURE = "identity_failure"


def has_failed(*, booking_id: UUID, transaction_id: str) -> bool:
    """Tell whether a signer of this transaction failed, and can no longer enter it."""
    return ExternalRef.objects.filter(
        booking_id=booking_id,
        system=Destination.PROOF.value,
        kind=_FAILURE,
        container=transaction_id,
    ).exists()


def note_failure(*, booking_id: UUID, transaction_id: str) -> None:
    """Keep that a signer failed; Proof tells it by webhook only, not in the transaction."""
    if has_failed(booking_id=booking_id, transaction_id=transaction_id):
        return
    transactions.run(
        lambda: open_case(
            kind=CaseKind.KBA_FAILED,
            key=str(booking_id),
            subject=f"proof transaction:{transaction_id}",
            summary="A signer failed the identity questions of the online session. The customer "
            "is offered an appointment in person, with what was paid carried over.",
            repair="call_customer",
            booking_id=booking_id,
        )
    )
    refs.write(
        booking_id=booking_id,
        system=Destination.PROOF,
        kind=_FAILURE,
        container=transaction_id,
        external_id=transaction_id,
        version=1,
    )
