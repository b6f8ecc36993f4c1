"""What must be kept of a session: who got which link, its record and its recording.

Texas asks for ten years. Proof keeps the content; we keep what it is called, and its size and hash
where they are told. No image, no answer to an identity question ever comes here.
"""

from __future__ import annotations

from typing import Any

from bookings.models import Booking
from integrations import refs
from integrations.models import ExternalRef
from integrations.proof import client
from integrations.proof.mapping import Transaction
from integrations.states import Destination

RECORD = "record"
RECORDING = "recording"
LINK = "signer_link"
IDENTITY = "identity"
_PROOFS = ("credential_analysis", "kba")
_LONGEST_ID = 255


def keep_links(*, booking: Booking, transaction: Transaction) -> None:
    """Keep each signer's own link; Proof mails it to them as well."""
    kept = {
        ref.container: ref.external_id
        for ref in refs.find(booking_id=booking.pk, system=Destination.PROOF, kind=LINK)
    }
    for number, signer in enumerate(transaction.signers, start=1):
        name = signer.link if 0 < len(signer.link) <= _LONGEST_ID else signer.id
        if name and kept.get(str(number)) != name:
            refs.write(
                booking_id=booking.pk,
                system=Destination.PROOF,
                kind=LINK,
                container=str(number),
                external_id=name,
                version=booking.version,
                status=signer.id,
            )


def keep_record(*, booking: Booking, transaction: Transaction) -> None:
    """Keep the record of each meeting, and its recording once there is one."""
    for record_id in transaction.record_ids:
        if _is_kept(booking, RECORDING, record_id):
            continue
        record = client.get_record(record_id=record_id)
        if record is None:
            continue
        if not _is_kept(booking, RECORD, record_id):
            _keep_identity(booking, record_id, record)
            _keep(booking, RECORD, record_id, record_id, status="", sha256="")
        video = _video(record)
        if video is not None:
            size = video.get("size")
            _keep(
                booking,
                RECORDING,
                record_id,
                f"{record_id}/video",
                status=f"{size} bytes" if isinstance(size, int) else "",
                sha256=str(video.get("sha256") or ""),
            )


def _keep_identity(booking: Booking, record_id: str, record: dict[str, Any]) -> None:
    """Keep how each signer's identity was proved, in words; never what it was proved with."""
    for number, signer in enumerate(record.get("signers") or [], start=1):
        told = [f"{name} {signer[name]}" for name in _PROOFS if isinstance(signer.get(name), str)]
        if told:
            name = f"{record_id}/{number}"
            _keep(booking, IDENTITY, name, name, status=", ".join(told), sha256="")


def has_recording(*, booking: Booking) -> bool:
    """Tell whether the recording of the booking's session is kept."""
    return bool(refs.find(booking_id=booking.pk, system=Destination.PROOF, kind=RECORDING))


def _is_kept(booking: Booking, kind: str, record_id: str) -> bool:
    return ExternalRef.objects.filter(
        booking_id=booking.pk, system=Destination.PROOF.value, kind=kind, container=record_id
    ).exists()


def _keep(
    booking: Booking, kind: str, record_id: str, name: str, *, status: str, sha256: str
) -> None:
    refs.write(
        booking_id=booking.pk,
        system=Destination.PROOF,
        kind=kind,
        container=record_id,
        external_id=name,
        version=booking.version,
        written_hash=sha256[:64],
        status=status,
    )


def _video(record: dict[str, Any]) -> dict[str, Any] | None:
    """Find the recording in a record; its address is short-lived and not kept."""
    video = record.get("video")
    if isinstance(video, dict):
        return video
    return {} if record.get("video_url") or record.get("video_urls") else None
