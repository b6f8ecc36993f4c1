"""One attempt at one stored webhook event."""

from __future__ import annotations

import logging
from uuid import UUID

from hmnp.core.crashpoints import crashpoint
from hmnp.core.request_id import working_on
from integrations import inbox
from integrations.delivery import where
from integrations.doors import DOORS
from integrations.errors import ConnectorError, Postponed
from integrations.inbound import NotYetKnown
from integrations.states import InboxState, Provider

logger = logging.getLogger(__name__)


def process(*, inbox_id: UUID) -> None:
    """Act on a due event; one that is done, or being done, is left alone.

    What is not known yet, and what fails, is tried again later and never just forgotten.
    """
    event = inbox.claim(inbox_id=inbox_id)
    if event is None:
        return
    crashpoint("inbox.claimed")
    with working_on(event.request_id):
        extra = {"provider": event.provider, "kind": event.type, "job_id": str(event.pk)}
        try:
            state = DOORS[Provider(event.provider)].act(event)
        except (NotYetKnown, Postponed) as unknown:
            inbox.park(event=event, reason=unknown.reason)
        except ConnectorError as error:
            logger.warning("webhook event failed: %s", error.reason, extra=extra)
            inbox.park(event=event, reason=error.reason)
        except Exception as error:  # a mistake of ours; its text may name people
            logger.warning("webhook event failed: %s", where(error), extra=extra)
            inbox.park(event=event, reason=where(error))
        else:
            reason = "kept until a connector acts on it" if state is InboxState.UNHANDLED else ""
            inbox.finish(event=event, state=state, reason=reason)
