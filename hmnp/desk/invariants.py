"""What must always hold of the desk: whoever is needed is called."""

from __future__ import annotations

from hmnp.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        code="I14",
        name="dead-jobs-call-a-person",
        says="a job that was given up, and has to be done, is somebody's case",
        sql="""
            SELECT j.id, j.destination || ' was given up, and no case says so'
            FROM integrations_outboxjob j
            WHERE j.state = 'DEAD' AND j.is_required AND NOT EXISTS (
                SELECT 1 FROM desk_case c
                WHERE c.kind = 'INTEGRATION_DEAD' AND c.key = j.id::text)
        """,
    ),
)
