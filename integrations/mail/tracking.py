"""What the mail service says of sent mail: delivered, bounced, complained about.

Its webhook knows no signature but the user and password in its address (MAIL_WEBHOOK_SECRET).
Nothing is refused for being repeated or late: a status only moves on.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import tracking
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from integrations import message_fate
from integrations.models import OutboxJob
from integrations.states import Destination

logger = logging.getLogger(__name__)


class PostmarkTracking(PostmarkTrackingWebhookView):
    """Anymail's view, which without a secret would believe everybody: this one believes nobody."""

    warn_if_no_basic_auth = False

    def validate_request(self, request: HttpRequest) -> None:  # noqa: ARG002 -- anymail's interface
        """Refuse everything while no secret is set; anymail compares it where one is."""
        if not self.basic_auth:
            logger.error("MAIL_WEBHOOK_SECRET is not set: what becomes of mail is not believed")
            raise AnymailWebhookValidationFailure("no secret is set")

    def parse_events(self, request: HttpRequest) -> list[Any]:
        """Read the event; what is none is the caller's mistake, not ours."""
        try:
            events: list[Any] = super().parse_events(request)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise SuspiciousOperation("not an event of Postmark") from None
        return events


def connect() -> None:
    """Listen to the events that anymail has read."""
    tracking.connect(on_event, dispatch_uid="integrations.mail.tracking")


def on_event(sender: object, event: Any, esp_name: str, **_: Any) -> None:  # noqa: ARG001 -- anymail's interface
    """Note the fate of one of our mails; an error is answered 500, and the service tries again."""
    job = _job_of(event)
    if job is not None:
        message_fate.record(
            job=job, status=str(event.event_type), reason=str(event.reject_reason or "")
        )


def _job_of(event: Any) -> OutboxJob | None:
    mails = OutboxJob.objects.filter(destination=Destination.MAIL.value)
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    try:
        # Ours from the start, so an event that overtakes the answer finds its job as well.
        return mails.filter(pk=UUID(str(metadata.get("job_id")))).first()
    except ValueError:
        sent_as = str(event.message_id or "")[:255]
        return mails.filter(external_id=sent_as).first() if sent_as else None
