"""The states of an outbox job and of a webhook event, and who is outside. No Django."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """A sync job brings an outside system to the booking's state; a message is told once."""

    SYNC = "SYNC"
    MESSAGE = "MESSAGE"


class Destination(StrEnum):
    MAIL = "mail"
    SMS = "sms"
    GHL = "ghl"
    GOOGLE_CALENDAR = "google_calendar"
    CALDAV = "caldav"
    PROOF = "proof"


class MessageKind(StrEnum):
    CONFIRMATION = "confirmation"
    PAYMENT_FAILED = "payment_failed"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    REFUNDED = "refunded"
    LATE_CHOICE = "late_choice"
    PAY_LINK = "pay_link"
    ADDRESS_CHANGED = "address_changed"
    FIND_LINK = "find_link"
    REMINDER_24H = "reminder_24h"
    REMINDER_2H = "reminder_2h"
    DOCUMENTS_MISSING = "documents_missing"
    RON_LINK = "ron_link"
    IDENTITY_FAILED = "identity_failed"
    REVIEW_REQUEST = "review_request"
    NOTARY_JOB = "notary_job"
    NOTARY_CHANGE = "notary_change"
    NOTARY_GONE = "notary_gone"


FOR_NOTARIES = (MessageKind.NOTARY_JOB, MessageKind.NOTARY_CHANGE, MessageKind.NOTARY_GONE)


class JobState(StrEnum):
    READY = "READY"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SUPERSEDED = "SUPERSEDED"
    DEAD = "DEAD"


class Provider(StrEnum):
    STRIPE = "stripe"
    GHL = "ghl"
    PROOF = "proof"
    TWILIO = "twilio"


class InboxState(StrEnum):
    """What became of a verified event.

    PARKED: about something we do not know yet; tried again. IGNORED: a kind nothing here depends
    on. UNHANDLED: kept until a connector acts on its provider; that connector's migration sets
    these back to RECEIVED.
    """

    RECEIVED = "RECEIVED"
    DONE = "DONE"
    PARKED = "PARKED"
    IGNORED = "IGNORED"
    UNHANDLED = "UNHANDLED"
    DEAD = "DEAD"
