"""Texts out of the door, through Twilio's Messages API.

It takes no idempotency key: a create whose answer never came may or may not have been taken. Its
list of messages is asked before such a text is sent again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from django.conf import settings

from integrations.errors import ConnectorError
from integrations.http import Api
from integrations.models import OutboxJob
from integrations.states import Destination

VERSION = "2010-04-01"
STATUS_PATH = "/api/v2/webhooks/twilio"
_OPTED_OUT = 21610
# Our own number is wrong, or no longer ours: every text would be refused.
_SENDER_REFUSED = (21212, 21606, 21660)
# The list may lag behind the create, and their clock may differ from ours.
_LIST_LAG = timedelta(seconds=30)
_CLOCKS_DIFFER = timedelta(minutes=2)


class OptedOut(Exception):
    """The number told the carrier STOP."""


def status_url() -> str:
    """Give the public address that the fate of a text is called back to; it is what is signed."""
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}{STATUS_PATH}"


def send(*, to: str, body: str) -> str:
    """Send a text and give Twilio's id for it. Raises `OptedOut` and `ConnectorError`."""
    sender = settings.TWILIO_FROM
    form = {
        "To": to,
        "MessagingServiceSid" if sender.startswith("MG") else "From": sender,
        "Body": body,
        "StatusCallback": status_url(),
    }
    try:
        answer = _api().call("POST", "/Messages.json", form=form, ok=(200, 201, 400)) or {}
        if "sid" not in answer:
            raise _refusal(answer)
    except ConnectorError as error:
        if error.is_outcome_unknown and error.retry_after is None:
            error.retry_after = _LIST_LAG
        raise
    return str(answer["sid"])


def find_sent(*, to: str, text: str, since: datetime) -> str | None:
    """Give Twilio's id of the text it has taken since then that begins with `text`, if any.

    One that another job is known to have sent is not it. Raises `ConnectorError` when Twilio
    cannot be asked.
    """
    answer = _api().call("GET", "/Messages.json", params={"To": to, "PageSize": "100"}) or {}
    messages = answer.get("messages")
    if not isinstance(messages, list):
        raise ConnectorError("could not say what it has sent")
    found = [one for one in messages if _is_it(one, to=to, text=text, since=since)]
    ids = [str(one["sid"]) for one in found]
    taken = OutboxJob.objects.filter(destination=Destination.SMS.value, external_id__in=ids)
    others = set(taken.values_list("external_id", flat=True))
    return next((sid for sid in ids if sid not in others), None)


def _is_it(message: Any, *, to: str, text: str, since: datetime) -> bool:
    try:
        created = parsedate_to_datetime(message["date_created"]).astimezone(UTC)
        return bool(
            message["to"] == to
            and message["sid"]
            and str(message["body"]).startswith(text)
            and created >= since - _CLOCKS_DIFFER
        )
    except (KeyError, TypeError, ValueError):
        return False


def _refusal(answer: dict[str, Any]) -> Exception:
    code = answer.get("code")
    if code == _OPTED_OUT:
        return OptedOut()
    if code in _SENDER_REFUSED:
        return ConnectorError(
            f"refuses the number we send from (code {code})", are_credentials_refused=True
        )
    if isinstance(code, int):
        return ConnectorError(f"refuses this text or number (code {code})", permanent=True)
    return ConnectorError("answered without an id", is_outcome_unknown=True)


def _api() -> Api:
    account = settings.TWILIO_ACCOUNT_SID
    return Api(
        destination=Destination.SMS,
        base_url=f"{settings.TWILIO_API_BASE}/{VERSION}/Accounts/{account}",
        auth=(account, settings.TWILIO_AUTH_TOKEN),
    )
