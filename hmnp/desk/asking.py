"""Which member of staff asks, as the actions and the timeline know them."""

from __future__ import annotations

from django.http import HttpRequest

from hmnp.accounts.principals import Kind, Principal, user_agent
from hmnp.core.client_address import client_ip
from hmnp.core.context import Actor


def actor_of(request: HttpRequest) -> Actor:
    """Give the member of staff who asks, as the timeline names them."""
    return staff_principal(request).actor


def staff_principal(request: HttpRequest) -> Principal:
    """Give the member of staff who asks, as every action knows a caller."""
    return Principal(
        kind=Kind.STAFF,
        ip=client_ip(request),
        user_agent=user_agent(request),
        user=request.user if request.user.is_authenticated else None,
    )
