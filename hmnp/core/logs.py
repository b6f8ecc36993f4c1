"""One JSON object a line, with the request id and an allow-list of fields: no bodies, no PII."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from hmnp.core.request_id import current_request_id

_EXTRA = ("booking_id", "payment_id", "job_id", "provider", "event", "status", "task", "code")


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the record's time, level, logger, message, request id and allowed extras."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := current_request_id():
            line["request_id"] = request_id
        for name in _EXTRA:
            if hasattr(record, name):
                line[name] = str(getattr(record, name))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
