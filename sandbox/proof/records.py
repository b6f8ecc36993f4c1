"""The record of a meeting: who, when, and where its recording and audit trail are."""

from __future__ import annotations

import hashlib

from sandbox.proof.call import Call
from sandbox.proof.errors import Refused
from sandbox.proof.transactions import find
from sandbox.wire import Json

ASSETS = ("audit_trail", "video", "journal")


def read(call: Call) -> Json:
    """Return the record of a meeting."""
    record = call.store.get(kind="proof_record", key=call.ref)
    if record is None:
        raise Refused("Notarization Record Not Found", status=404)
    call.ref = record["transaction_id"]
    transaction = find(call)
    name = f"{record['id']}/video"
    has_video = record.get("video_status") == "processed"
    return {
        "id": record["id"],
        "meeting_start": record["meeting_start"],
        "meeting_end": record["meeting_end"],
        "transaction_id": transaction["id"],
        "notary_name": "Sandbox Notary",
        "notary_county_city": "Harris, TX",
        "notary_registration": "7237492",
        "signers": [
            {
                "email": one["email"],
                "first_name": one.get("first_name"),
                "last_name": one.get("last_name"),
                "credential_analysis": "pass",
                "kba": "pass",
            }
            for one in transaction["signers"]
        ],
        "video_url": f"https://records.proof.example/{name}" if has_video else None,
        "video": _asset(name) if has_video else None,
        "audit_trail_url": transaction["audit_trail_url"],
    }


def asset(call: Call) -> Json:
    """Return where one file of a record is, its size and its hash."""
    if call.other_ref not in ASSETS:
        raise Refused("Asset Not Found", status=404)
    record = call.store.get(kind="proof_record", key=call.ref)
    if record is None or record.get("video_status") != "processed":
        raise Refused("Asset Not Found", status=404)
    return _asset(f"{record['id']}/{call.other_ref}")


def _asset(name: str) -> Json:
    is_video = name.endswith("/video")
    return {
        "url": f"https://records.proof.example/{name}",
        "content_type": "video/mp4" if is_video else "application/pdf",
        "size": 1_048_576 if is_video else 20_480,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
    }
