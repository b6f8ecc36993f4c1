"""What the rows of V1 are read against: our catalogue, what is taken over already, the moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings

from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1.values import Row, pick, text
from services.catalogue import active_services, get_service
from services.definitions import ServiceDefinition

_NAMESPACE = UUID("a3f1d3b0-5f0e-4b0c-9a1e-0f7a2c1d8e55")

# By V1's serviceType and, where that says nothing, by words of the name; the first that fits.
_SLUGS = (
    ("ron", r"\bron\b|ron_|remote|online"),
    ("loan-signing", r"loan|signing_?agent|refinanc|mortgage"),
    ("extended-hours", r"extended|priority|after.?hours|evening|weekend|same.?day"),
    ("standard-notary", r"standard|essential|mobile|general|quick.?stamp"),
)


def our_id(table: Table, v1_id: str) -> UUID:
    """Give the id a row of V1 has here: the same whenever it is asked."""
    return uuid5(_NAMESPACE, f"{table.value}:{v1_id}")


def slug_of(row: Row) -> str | None:
    """Give the slug of our service that a V1 service is, None when it is none of them."""
    for word in (str(pick(row, "serviceType", "type") or ""), text(row, "name", most=120)):
        for slug, pattern in _SLUGS:
            if re.search(pattern, word, re.IGNORECASE):
                return slug
    return None


@dataclass
class Context:
    """Ids of V1 on the left, ours on the right."""

    now: datetime
    by_slug: Mapping[str, ServiceDefinition]
    services: dict[str, ServiceDefinition] = field(default_factory=dict)
    minutes: dict[str, int] = field(default_factory=dict)
    notaries: dict[str, int] = field(default_factory=dict)
    promos: dict[str, str] = field(default_factory=dict)
    google_calendar: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The zone of V1's wall clocks."""
        return ZoneInfo(settings.BUSINESS_TIME_ZONE)

    def service_of(self, row: Row) -> ServiceDefinition | None:
        """Give the service a booking is for: by V1's id, else by its own words or slug."""
        named = str(pick(row, "serviceId", "service_id") or "")
        found = self.services.get(named) or self.by_slug.get(named)
        if found is None:
            slug = slug_of({"serviceType": pick(row, "serviceType"), "name": named})
            found = self.by_slug.get(slug or "")
        if "REMOTE" in str(row.get("locationType") or "") and found and found.is_mobile:
            return self.by_slug.get("ron", found)
        return found


def load(*, now: datetime) -> Context:
    """Read what is known by now."""
    context = Context(
        now=now,
        by_slug={service.slug: service for service in active_services()},
        google_calendar=settings.GOOGLE_CALENDAR_ID,
    )
    done = V1Row.objects.filter(state__in=[RowState.IMPORTED.value, RowState.MERGED.value])
    by_id = {str(service.id): service for service in context.by_slug.values()}
    for v1_id, target, row in done.filter(table=Table.SERVICE.value).values_list(
        "v1_id", "target", "row"
    ):
        service = by_id.get(target) or get_service(id_or_slug=UUID(target))
        if service is not None:
            note_service(context, v1_id, service, row)
    notaries = done.filter(table=Table.NOTARY.value).values_list("v1_id", "target", "row")
    for v1_id, target, row in notaries:
        note_notary(context, v1_id, int(target), row)
    promos = done.filter(table=Table.PROMO_CODE.value).values_list("v1_id", "row")
    context.promos = {v1_id: text(row, "code", most=40).upper() for v1_id, row in promos}
    return context


def note_service(context: Context, v1_id: str, service: ServiceDefinition, row: Row) -> None:
    """Remember a service, and how long V1 planned for it."""
    context.services[v1_id] = service
    minutes = pick(row, "durationMinutes", "duration")
    if isinstance(minutes, int) and 0 < minutes <= 480:
        context.minutes[v1_id] = minutes


def note_notary(context: Context, v1_id: str, notary_id: int, row: Row) -> None:
    """Remember a notary, under the profile's id and the user's."""
    context.notaries[v1_id] = notary_id
    user_id = pick(row, "user_id", "userId")
    if user_id is not None:
        context.notaries[str(user_id)] = notary_id
