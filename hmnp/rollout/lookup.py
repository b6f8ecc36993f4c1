"""From V1's ids to what is here."""

from __future__ import annotations

from uuid import UUID

from hmnp.core.errors import NotFound
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import Table
from hmnp.rollout.v1.context import slug_of
from hmnp.rollout.v1.values import Row, pick
from services.catalogue import get_service
from services.definitions import ServiceDefinition


def booking_id_of(text: str) -> UUID:
    """Give the id of the booking that V1, or we, call `text`. Raises `NotFound`."""
    target = target_of(Table.BOOKING, text)
    try:
        return UUID(target or text)
    except ValueError:
        raise NotFound from None


def target_of(table: Table, v1_id: str) -> str:
    """Give what a row of V1 became here, "" when it is not here."""
    if not v1_id or len(v1_id) > 191 or "\0" in v1_id:
        return ""
    found = V1Row.objects.filter(table=table.value, v1_id=v1_id).exclude(target="")
    return found.values_list("target", flat=True).first() or ""


def v1_id_of(booking_id: UUID) -> str:
    """Give what V1 called a booking; its id here when V1 never knew it."""
    found = V1Row.objects.filter(table=Table.BOOKING.value, target=str(booking_id))
    return found.order_by("pk").values_list("v1_id", flat=True).first() or str(booking_id)


def service_of(body: Row) -> ServiceDefinition | None:
    """Give the service a request of V1's means: by V1's id, ours, its slug, type or name."""
    named = str(pick(body, "serviceId") or "")
    target = target_of(Table.SERVICE, named)
    found = get_service(id_or_slug=target or named) if named else None
    if found is None:
        name = pick(body, "serviceName", "serviceId")
        slug = slug_of({"serviceType": pick(body, "serviceType"), "name": name})
        found = get_service(id_or_slug=slug) if slug else None
    return found
