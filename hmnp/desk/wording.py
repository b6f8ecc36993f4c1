"""Kinds of cases and suggested repairs in words; a code without words is shown as it is."""

from __future__ import annotations

from hmnp.core.cases import CaseKind

_KINDS = {
    CaseKind.LATE_PAYMENT: "Late payment",
    CaseKind.PROCESSING_TOO_LONG: "Bank takes too long",
    CaseKind.REFUND_FAILED: "Refund failed",
    CaseKind.REFUND_NOT_COVERED: "Refund not covered",
    CaseKind.DISPUTE: "Dispute",
    CaseKind.MISMATCH: "Books differ from Stripe",
    CaseKind.UNKNOWN_CHARGE: "Unknown charge",
    CaseKind.KBA_FAILED: "Identity check failed",
    CaseKind.CALENDAR_CLASH: "Calendar clash",
    CaseKind.OUTSIDE_CHANGE: "Changed outside",
    CaseKind.V1_CONFLICT: "V1 booking in the way",
    CaseKind.V1_IMPORT: "V1 booking to look at",
}

# As docs/money.md and docs/operations.md say it, for whoever has the case before them.
_REPAIRS = {
    "wait_for_choice": "Nothing, as a rule: the customer chooses another time within two hours, "
    "or all of the money goes back by itself.",
    "ask_stripe_or_release": "Look at Stripe what the bank is doing. The time stays taken, and the "
    "case closes itself once Stripe knows.",
    "send_again_or_by_hand": "On the booking's money page: send the refund again, or give the "
    "money by hand and record that.",
    "refund_by_hand": "Give the cash or the check back and record it on the booking's money page.",
    "look_at_payments": "See on the booking's money page why more is owed back than was paid.",
    "answer_at_stripe": "Answer the dispute at Stripe before its date. Until it is decided no "
    "refund of that payment is sent.",
    "cancel_or_collect": "The dispute is lost and the booking stands without that money: cancel "
    "it, or collect again.",
    "settle": "Nothing: one side was behind and has caught up.",
    "refund_at_stripe": "Refund it on Stripe's page: nobody here waits for that money.",
    "cancel_at_stripe": "Cancel the intent on Stripe's page: nobody here waits for that money.",
    "refund_unknown_charge": "Find out whose charge it is; it goes back by itself after a day.",
    "record_refund": "Somebody refunded on Stripe's own page: find out why, and take it into our "
    "books.",
    "look_at_payment": "Compare the row, the books and Stripe's page. An engineer puts right "
    "whichever is wrong; the books are never edited.",
    "look_at_refund": "Compare the row, the books and Stripe's page. An engineer puts right "
    "whichever is wrong; the books are never edited.",
    "ask_notary": "Ask the notary which of the two counts, then move or reassign the booking, or "
    "leave both.",
    "resync": "Ask whoever changed it outside, then change the booking here; or send it again from "
    "the booking's page of outside systems, and it is as it was.",
    "share_calendar": "On the notary's page: correct the calendar's address, user or password; a "
    "Google calendar must be shared with the service account.",
    "assign_or_move": "No notary can do this appointment from V1 beside the others. Call the "
    "customer or a notary, then assign the booking to a notary or move it.",
    "agree_or_refund": "V1 took money for an appointment that did not take place as agreed. Agree "
    "on another time, or give the money back on the booking's money page.",
    "agree_new_time": "V1 wanted another time for this appointment: call the customer and move it.",
    "correct_contact": "V1 kept no usable e-mail address. Find the customer and correct the "
    "booking.",
    "follow_by_hand": "V1 changed this booking in a way that the booking here cannot follow. Make "
    "the two agree by hand.",
    "replay_job": "Try it again. If it is given up again, its last word says what is wrong there.",
    "resume_destination": "Put right what it was paused for, then resume it.",
    "call_customer": "Call the customer: another session, or an appointment in person, which the "
    "booking's own page offers them.",
    "correct_address": "Call the customer for the right address and put it into the booking; what "
    "did not arrive is sent again, and the case closes itself.",
    "take_again": "Nothing: the next run takes the event that Stripe could not deliver.",
}

# What cases that come without a suggestion ask for.
_BY_KIND: dict[str, str] = {
    CaseKind.OUTSIDE_CHANGE: "Decide which of the two is right. If the booking is, put it back; if "
    "what was changed outside is, change the booking here; then close the case.",
    CaseKind.OUTSIDE_MISMATCH: "Look there and here what differs, put right whichever is wrong, "
    "and close the case; what the booking says can be sent again.",
}
# Why a notary cannot take a job, said of the notary.
_REASONS = {
    "OUTSIDE_HOURS": "Does not work then",
    "DAY_OFF": "Has a day off",
    "HELD": "Has another appointment then",
    "TRAVEL_IN": "Cannot be there in time from the appointment before",
    "TRAVEL_OUT": "Could not reach the next appointment in time",
    "BUSY": "Is busy by their own calendar",
    "CAPACITY": "Has as many appointments that day as they take",
    "NO_SKILL": "Does not do this service",
}


def reason_in_words(reason: str) -> str:
    """Give `Has a day off` for `DAY_OFF`."""
    return _REASONS.get(reason) or _readable(reason)


def kind_in_words(kind: str) -> str:
    """Give `Late payment` for `LATE_PAYMENT`."""
    known = _KINDS.get(CaseKind(kind)) if kind in set(CaseKind) else None
    return known or _readable(kind)


def repair_in_words(repair: str, *, kind: str = "") -> str:
    """Say what is suggested, in a sentence; without a suggestion, what the kind asks for."""
    if not repair:
        return _BY_KIND.get(kind, "")
    return _REPAIRS.get(repair) or _readable(repair)


def _readable(code: str) -> str:
    return code.replace("_", " ").capitalize()
