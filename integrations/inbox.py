"""The life of a webhook event: stored once, claimed, finished; the only writer of its table."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from hmnp.core import transactions
from hmnp.core.doorbell import ring_after_commit
from hmnp.core.request_id import current_request_id
from integrations.inbound import VerifiedEvent
from integrations.leases import LEASE, retry_delay
from integrations.models import InboxEvent
from integrations.states import InboxState

logger = logging.getLogger(__name__)

PROCESS_EVENT = "integrations.process_event"
OPEN = (InboxState.RECEIVED.value, InboxState.PARKED.value)
# What we do not know after three days, we shall not know; a person must look.
GIVE_UP_AFTER = timedelta(hours=72)


def store(*, event: VerifiedEvent) -> bool:
    """Commit an event and ring for it. Gives False when it was stored before.

    Raises `ServiceUnavailable` or a database error when it could not be stored.
    """

    def work() -> bool:
        inbox_id = uuid.uuid4()
        with connection.cursor() as cursor:
            # A statement of its own: the next one waits for the table before it runs at all.
            cursor.execute(
                "SELECT set_config('lock_timeout', '1500ms', true),"
                " set_config('statement_timeout', '4s', true)"
            )
            cursor.execute(
                """
                INSERT INTO integrations_inboxevent
                    (id, provider, event_id, type, object_id, body, state, run_at, received_at,
                     give_up_at, attempts, last_error, request_id)
                VALUES (%s, %s, %s, %s, %s, %s, 'RECEIVED', clock_timestamp(), clock_timestamp(),
                        clock_timestamp() + make_interval(secs => %s), 0, '', %s)
                ON CONFLICT (provider, event_id) DO NOTHING
                """,
                [
                    inbox_id,
                    event.provider.value,
                    event.event_id,
                    event.type,
                    event.object_id,
                    event.body,
                    GIVE_UP_AFTER.total_seconds(),
                    current_request_id()[:64],
                ],
            )
            if cursor.rowcount == 0:
                return False
        ring_after_commit(PROCESS_EVENT, inbox_id)
        return True

    return transactions.run(work)


def due(*, limit: int = 200) -> list[UUID]:
    """Give the events that are due, oldest first."""
    events = InboxEvent.objects.filter(state__in=OPEN, run_at__lte=Now()).order_by("run_at")
    return list(events.values_list("pk", flat=True)[:limit])


def claim(*, inbox_id: UUID) -> InboxEvent | None:
    """Take a due event for one attempt, or give None when it is not there to be taken.

    It is due again by itself once the lease is over, should this worker die.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE integrations_inboxevent
            SET attempts = attempts + 1, run_at = clock_timestamp() + make_interval(secs => %s)
            WHERE id = %s AND state IN ('RECEIVED', 'PARKED') AND run_at <= clock_timestamp()
            """,
            [LEASE.total_seconds(), inbox_id],
        )
        if cursor.rowcount == 0:
            return None
    return InboxEvent.objects.get(pk=inbox_id)


def finish(*, event: InboxEvent, state: InboxState, reason: str = "") -> bool:
    """End a claimed event. Gives False when another worker has claimed it since."""
    return bool(_mine(event, state=state.value, finished_at=Now(), last_error=reason[:500]))


def park(*, event: InboxEvent, reason: str) -> bool:
    """Put a claimed event back for later; after three days end it as dead and say so loudly."""
    if transactions.database_now() >= event.give_up_at:
        logger.error(
            "webhook event is dead: a person must look at it",
            extra={"provider": event.provider, "kind": event.type, "job_id": str(event.pk)},
        )
        return finish(event=event, state=InboxState.DEAD, reason=reason)
    return bool(
        _mine(
            event,
            state=InboxState.PARKED.value,
            run_at=Now() + retry_delay(attempts=event.attempts),
            last_error=reason[:500],
        )
    )


def replay(*, inbox_id: UUID) -> bool:
    """Take up a dead event again. Gives False when it is not dead (any more)."""

    def work() -> bool:
        taken = InboxEvent.objects.filter(pk=inbox_id, state=InboxState.DEAD.value).update(
            state=InboxState.RECEIVED.value,
            run_at=Now(),
            give_up_at=Now() + GIVE_UP_AFTER,
            attempts=0,
            finished_at=None,
        )
        if taken:
            ring_after_commit(PROCESS_EVENT, inbox_id)
        return bool(taken)

    return transactions.run(work)


def _mine(event: InboxEvent, **changes: object) -> int:
    return InboxEvent.objects.filter(pk=event.pk, attempts=event.attempts, state__in=OPEN).update(
        **changes
    )
