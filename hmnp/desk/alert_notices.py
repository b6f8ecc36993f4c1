"""Tell people of an alert: a row first, in the alert's transaction; the network later, from it.

A notice that cannot be sent is tried again for a day, each time later. Who receives one twice, as
the answer to the first was lost, knows it by its id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.urls import reverse

from hmnp.desk.alert_models import Alert, AlertNotice, Channel, NoticeState, Occasion

logger = logging.getLogger(__name__)

_TIMEOUT = httpx.Timeout(10.0, connect=3.05)
# Longer than any sending takes: whoever claimed it has died.
_LEASE = timedelta(minutes=2)
_FIRST_DELAY = timedelta(seconds=30)
_LONGEST_DELAY = timedelta(hours=1)
_GIVE_UP_AFTER = timedelta(hours=24)
_MOST_AT_ONCE = 20


def write_notices(*, alert: Alert, occasion: Occasion, now: datetime) -> None:
    """Write down whom to tell, by the channels that are configured."""
    channels = [Channel.MAIL] if settings.ALERT_EMAILS else []
    if settings.ALERT_WEBHOOK_URL and settings.ALERT_WEBHOOK_SECRET:
        channels.append(Channel.WEBHOOK)
    if not channels:
        logger.error("nobody is told of alerts: set ALERT_EMAILS", extra={"kind": alert.rule_id})
    AlertNotice.objects.bulk_create(
        [
            AlertNotice(alert=alert, occasion=occasion, channel=channel, run_at=now, created_at=now)
            for channel in channels
        ],
        ignore_conflicts=True,
    )


def send_due(*, now: datetime) -> int:
    """Send what is due, each once; give how many were sent."""
    sent = 0
    for _ in range(_MOST_AT_ONCE):
        notice = _claim(now=now)
        if notice is None:
            break
        sent += _send(notice, now)
    return sent


def _claim(*, now: datetime) -> AlertNotice | None:
    """Take the next notice that is due; until its lease ends nobody else does."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE desk_alertnotice SET run_at = %s, attempts = attempts + 1
            WHERE id = (
                SELECT id FROM desk_alertnotice WHERE state = 'READY' AND run_at <= %s
                ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            [now + _LEASE, now],
        )
        row = cursor.fetchone()
    return AlertNotice.objects.select_related("alert__rule").get(pk=row[0]) if row else None


def _send(notice: AlertNotice, now: datetime) -> bool:
    try:
        if notice.channel == Channel.MAIL:
            _mail(notice)
        else:
            _call_webhook(notice)
    except Exception as error:  # a mail backend raises what it likes; the notice is tried again
        _try_later(notice, error, now)
        return False
    AlertNotice.objects.filter(pk=notice.pk).update(
        state=NoticeState.SENT, sent_at=now, last_error=""
    )
    return True


def _try_later(notice: AlertNotice, error: Exception, now: datetime) -> None:
    is_dead = now >= notice.created_at + _GIVE_UP_AFTER
    delay = min(_FIRST_DELAY * 2 ** min(notice.attempts - 1, 10), _LONGEST_DELAY)
    logger.error(
        "an alert's notice was given up" if is_dead else "an alert's notice was not sent",
        extra={"kind": notice.channel, "code": type(error).__name__},
    )
    AlertNotice.objects.filter(pk=notice.pk).update(
        state=NoticeState.DEAD if is_dead else NoticeState.READY,
        run_at=now + delay,
        last_error=_reason(error),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"answered {error.response.status_code}"
    return type(error).__name__


def _mail(notice: AlertNotice) -> None:
    alert = notice.alert
    is_over = notice.occasion == Occasion.CLOSED
    head = "Over" if is_over else alert.get_severity_display().capitalize()
    lines = [
        alert.summary,
        "",
        alert.rule.meaning,
        f"Since {alert.opened_at:%Y-%m-%d %H:%M} UTC.",
    ]
    if is_over:
        lines.append(f"Over since {alert.closed_at:%Y-%m-%d %H:%M} UTC: {alert.closed_how}.")
    lines += ["", _address(alert)]
    EmailMessage(
        subject=f"[{head}] {alert.summary}"[:150],
        body="\n".join(lines),
        to=list(settings.ALERT_EMAILS),
        headers={"X-Alert-Notice": str(notice.pk)},
    ).send()


def _call_webhook(notice: AlertNotice) -> None:
    body = json.dumps(payload(notice), separators=(",", ":")).encode()
    answer = httpx.post(
        settings.ALERT_WEBHOOK_URL,
        content=body,
        headers={"Content-Type": "application/json", **signed(notice, body)},
        timeout=_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
    )
    answer.raise_for_status()


def payload(notice: AlertNotice) -> dict[str, Any]:
    """Give what the webhook says: the alert, and whether it opened or is over."""
    alert = notice.alert
    return {
        "type": f"alert.{notice.occasion.lower()}",
        "alert": {
            "id": alert.pk,
            "cause": alert.cause,
            "rule": alert.rule_id,
            "severity": alert.severity,
            "summary": alert.summary,
            "openedAt": alert.opened_at.isoformat(),
            "closedAt": alert.closed_at.isoformat() if alert.closed_at else None,
            "value": alert.last_value,
            "threshold": alert.threshold,
            "url": _address(alert),
        },
    }


def signed(notice: AlertNotice, body: bytes) -> dict[str, str]:
    """Give the headers of the Standard Webhooks scheme, over id, time of writing and body."""
    moment = str(int(notice.created_at.timestamp()))
    content = f"{notice.pk}.{moment}.".encode() + body
    digest = hmac.new(settings.ALERT_WEBHOOK_SECRET.encode(), content, hashlib.sha256).digest()
    return {
        "webhook-id": str(notice.pk),
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _address(alert: Alert) -> str:
    path = reverse("admin:desk_alert_change", args=[alert.pk])
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}{path}"
