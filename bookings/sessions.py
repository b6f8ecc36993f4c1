"""How a remote session stands, in our words; whatever the provider calls it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class SessionStatus(StrEnum):
    """PREPARING: nobody is invited yet. READY: the signers have their links. HELD: the provider
    looks into it. CLOSED: taken back.
    """

    PREPARING = "preparing"
    READY = "ready"
    IN_PROGRESS = "in_progress"
    HELD = "held"
    IDENTITY_FAILED = "identity_failed"
    COMPLETED = "completed"
    COMPLETED_WITH_REJECTIONS = "completed_with_rejections"
    EXPIRED = "expired"
    DECLINED = "declined"
    CLOSED = "closed"


# Signers may check camera and ID before the appointment.
OPENS_BEFORE = timedelta(minutes=15)

# The link leads somewhere.
OPEN_TO_SIGNERS = (SessionStatus.READY, SessionStatus.IN_PROGRESS)
DONE = (SessionStatus.COMPLETED, SessionStatus.COMPLETED_WITH_REJECTIONS)
ENDED = (*DONE, SessionStatus.EXPIRED, SessionStatus.DECLINED, SessionStatus.CLOSED)
