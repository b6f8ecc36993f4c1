"""Mail out of the door, through whichever mail service the settings name.

Postmark takes no idempotency key, so a send whose answer never came may or may not have been
taken. Its log of accepted mail can be asked by our own job id, and it is asked before such a mail
is sent again.
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass, field

import requests
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from anymail.message import AnymailMessage
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from integrations.errors import ConnectorError

_POSTMARK = "anymail.backends.postmark.EmailBackend"
# Postmark's own codes for a mail it will never take as it is.
_INVALID_MAIL = 300


@dataclass(frozen=True)
class Attachment:
    """One file of a mail; `content_type` with its parameters."""

    filename: str
    content: bytes
    content_type: str


@dataclass(frozen=True)
class OutgoingMail:
    """One mail to one person, ready to go. `metadata` travels with it but is not shown."""

    to: str
    subject: str
    text: str
    html: str
    tag: str
    metadata: dict[str, str]
    attachments: tuple[Attachment, ...] = field(default=())


def send(mail: OutgoingMail) -> str:
    """Send a mail and give the service's id for it ("" when the service gives none).

    Raises `ConnectorError`.
    """
    message = AnymailMessage(
        subject=mail.subject,
        body=mail.text,
        to=[mail.to],
        reply_to=[settings.COMPANY["email"]] if settings.COMPANY["email"] else None,
        # Not answered by holiday notices and list servers.
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(mail.html, "text/html")
    for attachment in mail.attachments:
        message.attach(attachment.filename, attachment.content, attachment.content_type)
    message.metadata = dict(mail.metadata)
    message.tags = [mail.tag]
    message.track_opens = False
    message.track_clicks = False
    try:
        message.send()
    except Exception as error:  # whatever the chosen backend raises
        raise _translate(error) from None
    status = getattr(message, "anymail_status", None)
    return str(getattr(status, "message_id", None) or "")


def can_look_up() -> bool:
    """Tell whether the mail service can say what it has taken."""
    return bool(settings.EMAIL_BACKEND == _POSTMARK)


def find_sent(*, job_id: str) -> str | None:
    """Give the service's id of the mail it has taken for this job, or None if it took none.

    Raises `ConnectorError` when it cannot be asked.
    """
    try:
        answer = requests.get(
            f"{settings.ANYMAIL['POSTMARK_API_URL']}messages/outbound",
            params={"count": "1", "offset": "0", "metadata_job_id": job_id},
            headers={
                "Accept": "application/json",
                "X-Postmark-Server-Token": settings.ANYMAIL["POSTMARK_SERVER_TOKEN"],
            },
            timeout=settings.ANYMAIL["REQUESTS_TIMEOUT"],
        )
        answer.raise_for_status()
        found = answer.json()["Messages"]
        return str(found[0]["MessageID"]) if found else None
    except (requests.RequestException, ValueError, KeyError, IndexError, TypeError) as error:
        raise ConnectorError(
            f"the mail service could not say what it has sent ({type(error).__name__})"
        ) from None


def _translate(error: Exception) -> ConnectorError:
    """Say what went wrong in our terms; texts of the service are left out, they name people."""
    match error:
        case AnymailRecipientsRefused() | smtplib.SMTPRecipientsRefused():
            return ConnectorError("the mail service refuses this address", permanent=True)
        case AnymailAPIError():
            return _translate_api(error)
        case smtplib.SMTPResponseException(smtp_code=code):
            return ConnectorError(f"the mail server answered {code}", permanent=code >= 500)
        case ConnectionRefusedError() | ImproperlyConfigured():
            return ConnectorError(f"mail cannot be sent: {type(error).__name__}")
        case _:
            return ConnectorError(
                f"sending ended with {type(error).__name__}", is_outcome_unknown=True
            )


def _translate_api(error: AnymailAPIError) -> ConnectorError:
    status = error.status_code
    if status is None:
        # A connection that was never made has carried nothing; any other may have.
        is_refused = isinstance(error, requests.ConnectionError) and not isinstance(
            error, requests.ReadTimeout
        )
        was_never_sent = isinstance(error, requests.ConnectTimeout) or (
            is_refused and "NewConnectionError" in repr(error.__cause__)
        )
        return ConnectorError(
            "the mail service could not be reached"
            if was_never_sent
            else "the mail service did not answer in time",
            is_outcome_unknown=not was_never_sent,
        )
    code = _postmark_code(error)
    reason = f"the mail service answered {status}" + (f" (code {code})" if code else "")
    if status == 422:
        return ConnectorError(reason, permanent=code == _INVALID_MAIL)
    # 200 with a body that is not an answer, and 5xx: it may have been taken.
    return ConnectorError(reason, is_outcome_unknown=status < 300 or status >= 500)


def _postmark_code(error: AnymailAPIError) -> int | None:
    try:
        return int(error.response.json()["ErrorCode"])
    except (AttributeError, ValueError, KeyError, TypeError):
        return None
