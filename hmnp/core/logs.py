"""One JSON object a line, with the request id and an allow-list of fields: no bodies, no PII."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

# What a line may say besides its message, time, level, logger and exception.
_ALLOWED = frozenset(
    {
        "booking_id",
        "code",
        "duration_ms",
        "event",
        "exception",
        "gateway_error",
        "intent_id",
        "is_won",
        "job_id",
        "kind",
        "level",
        "logger",
        "missing_cents",
        "payment_id",
        "provider",
        "reason_key",
        "refund_id",
        "request",
        "request_id",
        "row_id",
        "status",
        "task",
        "task_id",
        "timestamp",
        "user_id",
    }
)

# A calendar program sends nothing but an address, so the feed's secret is in its path.
_SECRET_PATH = re.compile(r"^(\w+ /calendar/).*")

# PostgreSQL shows the row that broke a rule, whole: whose booking it is would be in the log.
_ROW = re.compile(r"^DETAIL:.*?(?=\n\n(?:The above|During handling)|\Z)", re.DOTALL | re.MULTILINE)

# Whoever asks for a page that is not there may have typed anything into the address bar.
_MAIL_ADDRESS = re.compile(r"[^\s/@\"'<>()]+@[^\s/@\"'<>()]+\.\w+")

_WRITTEN = "written"
_requests = logging.getLogger("hmnp.requests")

EventDict = MutableMapping[str, Any]


def _keep_allowed(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Drop every field that is not on the list, and what is secret in a request's address."""
    kept = {name: value for name, value in event.items() if name in _ALLOWED}
    if "request" in kept:
        path = str(kept["request"]).split("?", 1)[0]
        kept["request"] = _SECRET_PATH.sub(r"\1…", path)
    for name in ("event", "exception", "request"):
        text = str(kept.get(name, ""))
        if "DETAIL:" in text:
            kept[name] = text = _ROW.sub("DETAIL: …", text)
        if "@" in text:
            kept[name] = _MAIL_ADDRESS.sub("…", text)
    return kept


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Leaves alone what `log_request` has written already."""

    def format(self, record: logging.LogRecord) -> str:
        written: str | None = record.__dict__.get(_WRITTEN)
        return super().format(record) if written is None else written


def log_request(*, code: int, method: str, path: str, request_id: str) -> None:
    """Log that a request of an address of ours has ended, by a quarter of the usual work.

    Nothing in the line is a person's, nor anything that they sent: the address is one we know, the
    id one that was found sane.
    """
    if not _requests.isEnabledFor(logging.INFO):
        return
    line = {
        "code": code,
        "request": f"{method} {path}",
        "event": "request_finished",
        "request_id": request_id,
        "level": "info",
        "logger": _requests.name,
        "timestamp": datetime.now(tz=UTC).isoformat().replace("+00:00", "Z"),
    }
    # Not by `info`, which looks through the stack for who called.
    record = {"name": _requests.name, "levelno": logging.INFO, "msg": line["event"]}
    _requests.handle(logging.makeLogRecord({**record, _WRITTEN: json.dumps(line)}))


def json_formatter() -> logging.Formatter:
    """Give the formatter of every handler: lines of structlog and of `logging` read alike."""
    return _Formatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _keep_allowed,
            structlog.processors.JSONRenderer(default=str),
        ],
    )


def configure_structlog() -> None:
    """Send structlog's lines through `logging`, so that there is one way out."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
