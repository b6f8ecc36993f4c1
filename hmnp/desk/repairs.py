"""Each kind of case has its repair: a button that makes it; `case_ways` says where else to go.

A repair is an action of the floor that owns the trouble. It counts once however often it is asked
for, and closes the case by itself, unless `closes` says that nobody else will.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from hmnp.core import transactions
from hmnp.core.cases import CaseKind
from hmnp.core.context import Actor
from hmnp.core.doorbell import ring_after_commit
from hmnp.core.errors import DomainError, NotFound
from hmnp.desk.models import Case
from integrations import destinations, outbox
from integrations.differences import Difference
from integrations.differences import Repair as HowTo
from integrations.reconciliation import repair as put_right
from integrations.states import Destination
from payments import doorbell
from payments.actions.adopt_refund import adopt_refund
from payments.actions.decline_late_alternative import decline_late_alternative
from payments.actions.recheck_difference import recheck_difference
from payments.actions.record_refund_by_hand import record_refund_by_hand
from payments.actions.refund_unknown_charge import refund_unknown_charge
from payments.actions.retry_refund import retry_refund
from payments.actions.send_pay_link import send_pay_link
from payments.models import LateChoice
from payments.provider import GatewayError
from payments.states import LateChoiceState

Work = Callable[[Case, str, Actor, datetime], str]


class CannotRepair(DomainError):
    code = "CANNOT_REPAIR"
    status = 409
    message = "There is nothing left to repair this way."


@dataclass(frozen=True)
class Repair:
    """A button for who has `permission`. `asks` is what must be said for it; `work` gives what was
    done, in words.
    """

    code: str
    label: str
    says: str
    work: Work
    permission: str
    asks: str = ""
    closes: bool = False


def repairs_for(case: Case) -> list[Repair]:
    """Give the repairs that may be made of an open case, the suggested one first."""
    match CaseKind(case.kind):
        case CaseKind.INTEGRATION_DEAD:
            return [_REPLAY]
        case CaseKind.INTEGRATION_PAUSED:
            return [_RESUME]
        case CaseKind.LATE_PAYMENT:
            return [_GIVE_BACK]
        case CaseKind.PROCESSING_TOO_LONG:
            return [_ASK_STRIPE]
        case CaseKind.REFUND_FAILED:
            return [_SEND_AGAIN, _BY_HAND]
        case CaseKind.REFUND_NOT_COVERED:
            return [_BY_HAND] if case.subject.startswith("refund:") else []
        case CaseKind.UNKNOWN_CHARGE:
            return [_REFUND_UNKNOWN]
        case CaseKind.MISMATCH:
            return [_RECORD_REFUND] if case.repair == "record_refund" else [_COMPARE]
        case CaseKind.DISPUTE:
            return [_PAY_LINK] if case.repair == "cancel_or_collect" else []
        case CaseKind.OUTSIDE_CHANGE | CaseKind.OUTSIDE_MISMATCH if _system(case):
            return [_RESYNC]
        case _:
            return []


_OUTSIDE_CHANGE = "integrations.change_outboxjob"
_PAYMENTS = "payments.change_payment"
_GIVE = "payments.change_refund"


def _replay(case: Case, _: str, actor: Actor, now: datetime) -> str:
    if not outbox.replay(job_id=_uuid(case.key)):
        raise CannotRepair("It is no longer given up: somebody has tried it again already.")
    return "Tried again."


def _resume(case: Case, _: str, actor: Actor, now: datetime) -> str:
    if not destinations.resume(destination=Destination(case.key)):
        raise CannotRepair("It is not paused any more.")
    return "Resumed."


def _give_back(case: Case, _: str, actor: Actor, now: datetime) -> str:
    choice = LateChoice.objects.filter(
        payment_id=_id_in(case.subject), state=LateChoiceState.OPEN
    ).first()
    if choice is None or not decline_late_alternative(choice_id=choice.pk, now=now):
        raise CannotRepair("The choice is over: see the booking's money.")
    return "All of the money goes back."


def _ask_stripe(case: Case, _: str, actor: Actor, now: datetime) -> str:
    payment_id = _id_in(case.subject)
    transactions.run(lambda: doorbell.ring(doorbell.ATTEND, payment_id))
    return "Stripe is being asked; the case closes itself once it knows."


def _send_again(case: Case, _: str, actor: Actor, now: datetime) -> str:
    retry_refund(refund_id=_id_in(case.subject), actor=actor, now=now)
    return "The refund is sent again."


def _by_hand(case: Case, words: str, actor: Actor, now: datetime) -> str:
    record_refund_by_hand(refund_id=_id_in(case.subject), note=words, actor=actor, now=now)
    return f"Given back by hand: {words}"


def _at_stripe(work: Work) -> Work:
    """Say a refusal of Stripe's as one of ours."""

    def asked(case: Case, words: str, actor: Actor, now: datetime) -> str:
        try:
            return work(case, words, actor, now)
        except GatewayError as error:
            raise CannotRepair(f"Stripe did not take it: {error}") from error

    return asked


def _refund_unknown(case: Case, _: str, actor: Actor, now: datetime) -> str:
    intent_id = case.subject.rpartition(":")[2]
    done = refund_unknown_charge(intent_id=intent_id, now=now, grace=timedelta(0))
    said = done or "It is in order by now: gone back already, or a payment of ours."
    is_over = recheck_difference(key=case.key, how=said, now=now)
    if not (done or is_over):
        raise CannotRepair("It cannot be given back now; the next comparison looks at it again.")
    return said


def _record_refund(case: Case, words: str, actor: Actor, now: datetime) -> str:
    refund_id = case.subject.rpartition(":")[2]
    adopt_refund(provider_refund_id=refund_id, note=words, actor=actor, now=now)
    said = f"The refund made at Stripe is in our books: {words}"
    recheck_difference(key=case.key, how=said, now=now)
    return said


def _compare(case: Case, _: str, actor: Actor, now: datetime) -> str:
    transactions.run(partial(ring_after_commit, "payments.reconcile"))
    return "Stripe's books are being compared again; the case closes itself if they agree."


def _pay_link(case: Case, _: str, actor: Actor, now: datetime) -> str:
    if case.booking_id is None:
        raise NotFound
    send_pay_link(booking_id=case.booking_id, now=now)
    return "The customer is sent a link to pay by card."


def _resync(case: Case, _: str, actor: Actor, now: datetime) -> str:
    system = _system(case)
    if system is None or case.booking_id is None:
        raise CannotRepair
    put_right(
        difference=Difference(
            system=system,
            external_id="",
            what="asked for by staff",
            repair=HowTo.RESYNC,
            booking_id=case.booking_id,
        )
    )
    return "Put back: it is sent again as the booking says."


_REPLAY = Repair(
    "replay",
    "Try it again",
    "The job is done again, with all its attempts.",
    _replay,
    _OUTSIDE_CHANGE,
)
_RESUME = Repair("resume", "Resume", "What waits is sent from now on.", _resume, _OUTSIDE_CHANGE)
_GIVE_BACK = Repair(
    "give-back",
    "Give all of it back now",
    "For a customer who wants none of the other times: they are let go, and the money goes back.",
    _give_back,
    _GIVE,
)
_ASK_STRIPE = Repair(
    "ask", "Ask Stripe now", "Without waiting for the next look.", _ask_stripe, _PAYMENTS
)
_SEND_AGAIN = Repair(
    "again", "Send the refund again", "Under a key of its own, so never twice.", _send_again, _GIVE
)
_BY_HAND = Repair(
    "hand",
    "It was given by hand",
    "Give the money first; this only records it.",
    _by_hand,
    _GIVE,
    asks="How it was given",
)
_REFUND_UNKNOWN = Repair(
    "refund-unknown",
    "Give it back now",
    "Only when it is nobody's: without waiting for the day that it is left to be claimed.",
    _at_stripe(_refund_unknown),
    _GIVE,
)
_RECORD_REFUND = Repair(
    "record-refund",
    "Take it into our books",
    "The refund made on Stripe's own page becomes one of ours.",
    _at_stripe(_record_refund),
    _GIVE,
    asks="Why it was made",
)
_COMPARE = Repair(
    "compare",
    "Compare again",
    "What is only behind is settled, and the case closes.",
    _compare,
    _PAYMENTS,
)
_PAY_LINK = Repair(
    "pay-link", "Send a pay link", "To collect again; or cancel the booking.", _pay_link, _PAYMENTS
)
_RESYNC = Repair(
    "resync",
    "Put it back as the booking says",
    "The booking stands as it is, and is sent there again.",
    _resync,
    _OUTSIDE_CHANGE,
    closes=True,
)


def _system(case: Case) -> Destination | None:
    """Give the system a case is about, when it is one that a booking is sent to."""
    if case.booking_id is None:
        return None
    named = str(case.details.get("system") or case.subject.partition(":")[0])
    return Destination(named) if named in set(Destination) else None


def _id_in(subject: str) -> UUID:
    """Give the id after the colon. Raises `NotFound`."""
    return _uuid(subject.rpartition(":")[2])


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
