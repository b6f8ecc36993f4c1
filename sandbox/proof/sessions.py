"""What happens in a session, step by step: who plays it calls these."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.proof import events
from sandbox.proof.call import instant, seconds_of
from sandbox.proof.errors import Refused
from sandbox.proof.transactions import save
from sandbox.store import Store
from sandbox.wire import Json, token

RELEASE_SECONDS = 0.3
_WAITING = ("active", "sent_to_signer", "viewed", "attempted", "partially_complete")


def play(*, store: Store, transaction: Json, step: str, signer_id: str, wish: Json) -> Json:
    """Play one step of the session; raise Refused when it cannot follow what is."""
    if step not in STEPS:
        raise Refused(f"step must be one of {', '.join(STEPS)}", status=404)
    STEPS[step](store, transaction, _signer(transaction, signer_id), wish)
    save(store, transaction)
    return transaction


def _signer(transaction: Json, signer_id: str) -> Json:
    for one in transaction["signers"]:
        if not signer_id or one["signer_id"] == signer_id:
            found: Json = one
            return found
    raise Refused("Signer Not Found", status=404)


def _require(transaction: Json, *statuses: str) -> None:
    if transaction["detailed_status"] not in statuses:
        raise Refused(f"not while the transaction is {transaction['detailed_status']}")


def _tell(store: Store, transaction: Json, kind: str, **more: object) -> None:
    events.record(store=store, kind=f"transaction.{kind}", transaction=transaction, **more)


def _view(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, *_WAITING)
    if transaction["detailed_status"] in ("active", "sent_to_signer"):
        transaction["detailed_status"] = "viewed"
    signer["signing_status"] = "viewed"


def _start(store: Store, transaction: Json, signer: Json, wish: Json) -> None:
    _require(transaction, *_WAITING)
    opens = transaction["activation_time"]
    is_early = opens and store.now() < seconds_of(opens, name="activation_time")
    if is_early and not wish.get("force"):
        raise Refused("the signer may only look at the documents before activation_time")
    who = [{"signer_id": signer["signer_id"]}]
    _tell(store, transaction, "meeting.requested", signers=who)
    _tell(store, transaction, "signer.kba_passed", signers=who)
    meeting = {
        "id": "me_" + token(7),
        "meeting_start": instant(store.now()),
        "meeting_end": None,
    }
    transaction["notarization_record"] = meeting["id"]
    transaction["notarization_records"].append(meeting["id"])
    store.insert(
        kind="proof_record",
        doc={**meeting, "created": int(store.now()), "transaction_id": transaction["id"]},
        parent=transaction["id"],
    )
    transaction["detailed_status"] = "meeting_in_progress"
    _tell(store, transaction, "meeting.created", meeting={"meeting_id": meeting["id"]})


def _fail_meeting(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, "meeting_in_progress")
    transaction["detailed_status"] = "attempted"
    _tell(
        store,
        transaction,
        "meeting.failed",
        meeting={"meeting_id": transaction["notarization_record"]},
    )


def _fail_kba(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, *_WAITING)
    signer["kba_failures"] = signer.get("kba_failures", 0) + 1
    transaction["detailed_status"] = "attempted"
    signer["signing_status"] = "attempted"
    _tell(
        store,
        transaction,
        "signer.kba_failed",
        signers=[{"signer_id": signer["signer_id"], "external_id": signer.get("external_id")}],
    )


def _sign(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, "meeting_in_progress", "partially_complete")
    signer["signing_status"] = "complete"
    if all(one["signing_status"] == "complete" for one in transaction["signers"]):
        _end(store, transaction, wish, with_rejections=False)
    else:
        transaction["detailed_status"] = "partially_complete"
        _tell(store, transaction, "partially_completed")


def _complete(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, "meeting_in_progress", "partially_complete")
    _end(store, transaction, wish, with_rejections=False)


def _reject(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, "meeting_in_progress", "partially_complete")
    _end(store, transaction, wish, with_rejections=True)


def _end(store: Store, transaction: Json, wish: Json, *, with_rejections: bool) -> None:
    rejected = with_rejections
    for one in transaction["documents"]:
        one["completion_state"] = "rejected" if rejected else "complete"
        rejected = False
    for signer in transaction["signers"]:
        signer["signing_status"] = "complete"
    transaction["detailed_status"] = "complete_with_rejections" if with_rejections else "complete"
    transaction["cost"] = 2500
    kind = "completed_with_rejections" if with_rejections else "completed"
    _tell(store, transaction, kind, signers=[])
    if wish.get("release", True):
        seconds = float(store.knob("proof.release_seconds", RELEASE_SECONDS))
        store.set_timer(system="proof", kind="release", ref=transaction["id"], seconds=seconds)


def _release(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    release(store=store, transaction=transaction)


def release(*, store: Store, transaction: Json) -> None:
    """Hand the documents and the record over."""
    _require(transaction, "complete", "complete_with_rejections")
    for one in transaction["documents"]:
        if one["completion_state"] == "complete":
            one["final_document_url"] = (
                f"https://documents.proof.example/{transaction['id']}/{one['id']}"
            )
    transaction["audit_trail_url"] = f"https://documents.proof.example/{transaction['id']}/audit"
    record = store.get(kind="proof_record", key=transaction["notarization_record"] or "")
    if record is not None:
        record["meeting_end"] = instant(store.now())
        record["video_status"] = "processed"
        store.replace(doc=record)
    _tell(store, transaction, "released")
    _tell(
        store,
        transaction,
        "meeting.video.processed",
        meeting={"meeting_id": transaction["notarization_record"]},
    )


def _hold(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, "meeting_in_progress", "partially_complete")
    transaction["detailed_status"] = "held_for_review"
    _tell(store, transaction, "held_for_review")


def _decline(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, *_WAITING)
    transaction["detailed_status"] = "declined"
    _tell(store, transaction, "declined")


def _expire(store: Store, transaction: Json, signer: Json, wish: Json) -> None:  # noqa: ARG001 - alike
    _require(transaction, *_WAITING)
    transaction["detailed_status"] = "expired"
    _tell(store, transaction, "expired")


def expire_due(*, store: Store, transaction: Json) -> None:
    """Expire a transaction whose time is over, unless it was extended or is done."""
    if transaction["detailed_status"] not in _WAITING or not transaction["expiry"]:
        return
    if store.now() >= seconds_of(transaction["expiry"], name="expiry"):
        transaction["detailed_status"] = "expired"
        save(store, transaction)
        _tell(store, transaction, "expired")


STEPS: dict[str, Callable[[Store, Json, Json, Json], None]] = {
    "view": _view,
    "start": _start,
    "fail_meeting": _fail_meeting,
    "fail_kba": _fail_kba,
    "sign": _sign,
    "complete": _complete,
    "complete_with_rejections": _reject,
    "release": _release,
    "hold": _hold,
    "decline": _decline,
    "expire": _expire,
}
