"""What a connector hands back when a job is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.models import OutboxJob


@dataclass(frozen=True)
class Receipt:
    """`external_id` is the outside system's name for it; `note` goes on the booking's timeline."""

    external_id: str = ""
    note: dict[str, Any] = field(default_factory=dict)


# A connector does one job, with no transaction open, and gives its receipt. It raises
# `NoLongerWanted` when the state of things has changed, `ConnectorError` when it could not.
Deliver = Callable[[OutboxJob, datetime], Receipt]
