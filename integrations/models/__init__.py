"""The tables of the integrations app."""

from integrations.models.calendar_feed import CalendarFeed
from integrations.models.destination import DestinationState
from integrations.models.external_ref import ExternalRef
from integrations.models.inbox import InboxEvent
from integrations.models.opt_out import SmsOptOut
from integrations.models.outbox import OutboxJob

__all__ = [
    "CalendarFeed",
    "DestinationState",
    "ExternalRef",
    "InboxEvent",
    "OutboxJob",
    "SmsOptOut",
]
