"""The named points of the code at which a process is made to die, and who comes by there."""

from __future__ import annotations

# What customers do and what the sweepers do after them.
BY_CUSTOMERS = frozenset(
    {
        # in the web server
        "hold.committed",
        "release.committed",
        "create.locked",
        "create.ready",
        "create.before_commit",
        "create.committed",
        "intent.committed",
        "intent.created",
        "intent.stored",
        "settle.fetched",
        "settle.committed",
        "update.written",
        "update.committed",
        "cancel.written",
        "cancel.committed",
        "inbox.stored",
        # in the worker
        "inbox.claimed",
        "outbox.claimed",
        "outbox.sent",
        "expire.committed",
        "close.begun",
        "close.cancelled",
        "refund.taken",
        "refund.sent",
        "refund.recorded",
    }
)
# What staff do at their desk, in the web server.
BY_STAFF = frozenset(
    {"cash.recorded", "refund.promised", "refund.repeated", "refund.handed"},
)
# Money that came too late, and the customer's choice.
BY_LATE_MONEY = frozenset({"late.reclaimed", "late.kept", "late.chosen", "late.declined"})
# What a bank says, and what a look at Stripe's own records finds; the last in the command.
BY_OTHERS = frozenset({"dispute.recorded", "reconcile.recorded", "unknown.refunded"})
# What a connector does between its own notes and the outside, in the worker.
BY_CONNECTORS = frozenset({"calendar.noted", "calendar.put", "calendar.removed"})

POINTS = BY_CUSTOMERS | BY_STAFF | BY_LATE_MONEY | BY_OTHERS | BY_CONNECTORS
# Met in every run of the suite; the others by night. One of each kind of gap: before a commit,
# after it and before the answer, between Stripe's commit and ours, between a send and its record.
BY_DAY = frozenset(
    {
        "create.before_commit",
        "intent.created",
        "cancel.committed",
        "outbox.sent",
        "close.cancelled",
        "refund.sent",
    }
)
