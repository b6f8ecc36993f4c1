"""Who is acting, from where: passed into every action and written on every timeline row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorType(StrEnum):
    CUSTOMER = "customer"
    ADMIN = "admin"
    PARTNER = "partner"
    SYSTEM = "system"
    PROVIDER = "provider"


@dataclass(frozen=True)
class Actor:
    """The acting person or system; `id` is their own here, never an e-mail."""

    type: ActorType
    id: str = ""
    request_id: str = ""
    ip: str | None = None
    user_agent: str = ""


SYSTEM = Actor(type=ActorType.SYSTEM)
# The system before this one: what it did, it has told the customer and everybody else itself.
FORMER = Actor(type=ActorType.SYSTEM, id="v1")
