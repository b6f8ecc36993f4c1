"""What must always hold of the outbox and the inbox."""

from __future__ import annotations

from hmnp.core.invariants import Backlog, Invariant
from integrations.destinations import TROUBLED_SQL

INVARIANTS = (
    Invariant(
        code="I13",
        name="facts-have-their-mail",
        says="who is confirmed, cancelled or refunded is told, by one job a fact",
        sql="""
            SELECT b.reference, 'was confirmed, and no mail says so'
            FROM bookings_booking b
            WHERE (b.imported_at IS NULL OR b.confirmed_at > b.imported_at)
              AND b.confirmed_at IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM integrations_outboxjob j
                WHERE j.booking_id = b.id AND j.message_kind = 'confirmation')
            UNION ALL
            SELECT b.reference, 'was cancelled, and no mail says so'
            FROM bookings_booking b
            WHERE b.status = 'CANCELLED'
              -- What happened in the system before this one was told there.
              AND b.cancel_tier <> 'V1'
              AND NOT EXISTS (
                SELECT 1 FROM integrations_outboxjob j
                WHERE j.booking_id = b.id AND j.message_kind = 'cancelled')
            UNION ALL
            SELECT 'refund ' || r.id, count(j.id) || ' mails say so'
            FROM payments_refund r
            JOIN payments_payment p ON p.id = r.payment_id AND p.booking_id IS NOT NULL
            LEFT JOIN integrations_outboxjob j
              ON j.message_kind = 'refunded' AND j.occurrence_id = r.id::text
            WHERE r.status = 'SUCCEEDED' AND r.method NOT IN ('DISPUTE', 'FORMER')
            GROUP BY r.id HAVING count(j.id) <> 1
        """,
    ),
    Invariant(
        code="I13",
        name="facts-reach-every-system",
        says="an appointment to come has a job for each system its service needs",
        sql="""
            SELECT b.reference, 'no job was ever written for ' || needed.name
            FROM bookings_booking b
            JOIN services_serviceintegration needed ON needed.service_id = b.service_id
            WHERE b.status IN ('CONFIRMED', 'IN_PROGRESS') AND b.ends_at > clock_timestamp()
              AND NOT b.is_told_elsewhere
              -- Which calendar is told depends on its notary; Stripe is told by payments.
              AND needed.name IN ('ghl', 'proof')
              -- A system that is not used has no jobs; one may be taken up later.
              AND EXISTS (
                  SELECT 1 FROM integrations_outboxjob used
                  WHERE used.kind = 'SYNC' AND used.destination = needed.name
                    AND used.created_at < b.confirmed_at + interval '1 h')
              AND NOT EXISTS (
                  SELECT 1 FROM integrations_outboxjob j
                  WHERE j.booking_id = b.id AND j.kind = 'SYNC' AND j.destination = needed.name)
        """,
    ),
    Invariant(
        code="I13",
        name="jobs-are-written-once",
        says="no two jobs ask for the same effect",
        sql="""
            SELECT booking_id, count(*) || ' jobs for ' || destination || ' ' || message_kind
                   || ' v' || version
            FROM integrations_outboxjob
            GROUP BY booking_id, kind, destination, version, message_kind, recipient, occurrence_id
            HAVING count(*) > 1
        """,
    ),
    Invariant(
        code="I14",
        name="leases-end",
        says="no job is left running by a worker that is gone",
        sql="""
            SELECT id, 'RUNNING, its lease ended at ' || lease_until
            FROM integrations_outboxjob
            WHERE state = 'RUNNING' AND lease_until < clock_timestamp() - interval '60 s'
        """,
    ),
    Invariant(
        code="I14",
        name="jobs-are-done",
        says="a due job is done within a quarter of an hour, and none is put off over a day",
        sql=f"""
            SELECT id, 'READY, due at ' || run_at
            FROM integrations_outboxjob AS job
            WHERE state = 'READY'
              AND (run_at > clock_timestamp() + interval '24 h'
                   OR run_at < clock_timestamp() - interval '15 min' AND NOT {TROUBLED_SQL})
        """,  # noqa: S608 -- the only part put in is a constant
    ),
    Invariant(
        code="I14",
        name="attempts-are-limited",
        says="no job is tried more often than it may be",
        sql="""
            SELECT id, attempts || ' attempts of ' || max_attempts
            FROM integrations_outboxjob
            -- The claim that finds a job without attempts left counts itself, and ends it.
            WHERE attempts > max_attempts + CASE WHEN state = 'DEAD' THEN 1 ELSE 0 END
        """,
    ),
    Invariant(
        code="I15",
        name="one-event-a-booking",
        says="a booking that stands is in one calendar, one that does not is in none",
        sql="""
            WITH settled AS (
                SELECT b.id, b.reference, b.status,
                       count(r.id) FILTER (WHERE r.status IN ('confirmed', 'moved outside')) AS held
                FROM bookings_booking b
                JOIN integrations_externalref r ON r.booking_id = b.id AND r.kind = 'event'
                -- A job that is not done yet, or waits for a person, still has to say so.
                WHERE NOT EXISTS (
                    SELECT 1 FROM integrations_outboxjob j
                    WHERE j.booking_id = b.id AND j.destination IN ('google_calendar', 'caldav')
                      AND j.state IN ('READY', 'RUNNING', 'DEAD'))
                GROUP BY b.id)
            SELECT reference, 'is ' || status || ', and ' || held || ' calendars hold it'
            FROM settled
            WHERE held > CASE WHEN status IN ('CANCELLED', 'EXPIRED') THEN 0 ELSE 1 END
        """,
    ),
    Invariant(
        code="I16",
        name="events-are-stored-once",
        says="an event of a provider is stored once, however often it is sent",
        sql="""
            SELECT provider || ' ' || event_id, 'stored ' || count(*) || ' times'
            FROM integrations_inboxevent GROUP BY provider, event_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        code="I16",
        name="events-are-acted-on",
        says="an event is acted on, or parked with a time to look again",
        sql="""
            SELECT id, provider || ' ' || type || ' ' || state || ', due since ' || run_at
            FROM integrations_inboxevent
            WHERE state IN ('RECEIVED', 'PARKED')
              AND run_at < clock_timestamp() - interval '15 min'
        """,
    ),
    Invariant(
        code="I16",
        name="finished-events-have-an-end",
        says="an event has an end exactly when nothing more will be done about it",
        sql="""
            SELECT id, provider || ' ' || state || ' with end ' || coalesce(finished_at::text, '-')
            FROM integrations_inboxevent
            WHERE (state IN ('RECEIVED', 'PARKED')) <> (finished_at IS NULL)
        """,
    ),
)

BACKLOGS = (
    Backlog(
        name="outside jobs",
        sql="""
            SELECT count(*) FROM integrations_outboxjob
            WHERE state = 'RUNNING' OR (state = 'READY' AND run_at <= clock_timestamp())
        """,
    ),
    Backlog(
        name="webhook events",
        sql="""
            SELECT count(*) FROM integrations_inboxevent
            WHERE state = 'RECEIVED' OR (state = 'PARKED' AND run_at <= clock_timestamp())
        """,
    ),
)
