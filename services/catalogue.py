"""Reads of the catalogue: services whole, in one statement; every other app starts here.

A process keeps the services it has read, and asks the database with every look whether they are
still at that version: what is kept is never an authority, only spared being sent again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from hmnp.core import versions
from hmnp.core.prepared import Prepared, fetch_row
from services.catalogue_rows import definition_from_row
from services.definitions import ServiceDefinition
from services.errors import InvalidService

_SLUG = re.compile(r"[a-z0-9_-]{1,50}")
_ID = re.compile(r"[0-9a-f-]{32,50}")

_LOOK = Prepared("""
    SELECT extract(epoch FROM clock_timestamp())::text, coalesce((
        SELECT jsonb_object_agg(name, number) FROM core_version
        WHERE name = ANY(string_to_array(%s, ','))), '{}')::text
""")
# With its version in the same snapshot. Written out: the ORM would take a statement a table.
_SERVICES = """
    SELECT coalesce((SELECT number FROM core_version WHERE name = %s), 0),
        to_jsonb(s) || jsonb_build_object(
        'area', (
            SELECT to_jsonb(a) || jsonb_build_object('bands', (
                SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.over_miles), '[]')
                FROM services_travelband b WHERE b.area_id = a.id))
            FROM services_servicearea a WHERE a.id = s.area_id),
        'hours', (
            SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY h.weekday, h.opens_minute), '[]')
            FROM services_servicehours h WHERE h.service_id = s.id),
        'rules', (
            SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.code), '[]')
            FROM services_pricerule r WHERE r.service_id = s.id AND r.is_active),
        'statutory_rates', (
            SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.code, l.valid_from), '[]')
            FROM services_statutoryrate l),
        'cancellation_tiers', (
            SELECT coalesce(jsonb_agg(to_jsonb(t)
                ORDER BY t.min_minutes_before DESC NULLS LAST, t.code), '[]')
            FROM services_cancellationtier t WHERE t.service_id = s.id),
        'integrations', (
            SELECT coalesce(jsonb_agg(to_jsonb(i) ORDER BY i.priority, i.name), '[]')
            FROM services_serviceintegration i WHERE i.service_id = s.id))
    FROM services_service s
    ORDER BY s.position, s.slug
"""


@dataclass(frozen=True)
class Catalogue:
    """All services at one version, in the order of the pages; version 0 is never kept."""

    version: int
    services: tuple[ServiceDefinition, ...]
    by_name: Mapping[str, ServiceDefinition]

    @classmethod
    def of(cls, version: int, services: tuple[ServiceDefinition, ...]) -> Catalogue:
        """Give the services to be found by their id and by their slug."""
        by_name = {str(service.id): service for service in services}
        return cls(version, services, by_name | {service.slug: service for service in services})

    def find(self, id_or_slug: str | UUID) -> ServiceDefinition | None:
        """Give one service, active or not, or None."""
        return self.by_name.get(normal_name(id_or_slug))

    def active(self) -> list[ServiceDefinition]:
        """Give the services on offer."""
        return [service for service in self.services if service.is_active]


@dataclass(frozen=True)
class Look:
    """What one statement saw together: the clock, the versions asked for, and the catalogue.

    `written` is the versions as the database writes them: equal texts, equal versions.
    """

    clock: datetime
    numbers: Mapping[str, int]
    catalogue: Catalogue
    written: str


# What this process has read, at the version it read it: true for as long as that is the version.
_kept = Catalogue.of(0, ())


def look(*, names: Iterable[str] = ()) -> Look:
    """Give the catalogue as it is now, with the versions of `names`; one statement.

    One more when this process has not read the catalogue at its present version yet.
    """
    clock, numbers = fetch_row(statement=_LOOK, values=[",".join((versions.CATALOGUE, *names))])
    seen = json.loads(numbers)
    at = datetime.fromtimestamp(float(clock), tz=UTC)
    return Look(at, seen, at_version(seen.get(versions.CATALOGUE, 0)), numbers)


def at_version(number: int) -> Catalogue:
    """Give the catalogue, of which another statement has just seen that this is its version.

    No statement, unless this process has not read that version yet.
    """
    known = _kept
    return known if number and known.version == number else _read()


def get_service(*, id_or_slug: str | UUID) -> ServiceDefinition | None:
    """Give one service, active or not, or None; one statement."""
    return look().catalogue.find(id_or_slug)


def require_service(*, id_or_slug: str | UUID) -> ServiceDefinition:
    """Give one service whole, active or not. Raises `InvalidService` when there is none."""
    service = get_service(id_or_slug=id_or_slug)
    if service is None:
        raise InvalidService(field="serviceId")
    return service


def active_services() -> list[ServiceDefinition]:
    """Give the services on offer, in the order of the pages; one statement."""
    return look().catalogue.active()


def _read() -> Catalogue:
    global _kept  # noqa: PLW0603 -- the process's one copy, replaced whole
    with connection.cursor() as cursor:
        cursor.execute(_SERVICES, [versions.CATALOGUE])
        rows = cursor.fetchall()
    services = (definition_from_row(json.loads(text, parse_float=Decimal)) for _, text in rows)
    fresh = Catalogue.of(rows[0][0] if rows else 0, tuple(services))
    # Without a version nothing would say when it is outdated.
    if fresh.version:
        _kept = fresh
    return fresh


def normal_name(id_or_slug: str | UUID) -> str:
    """Give an id as we write it, or a slug; what is neither names no service and comes to ""."""
    text = str(id_or_slug)
    if _SLUG.fullmatch(text) and not _ID.fullmatch(text):
        return text
    try:
        return str(UUID(text))
    except ValueError:
        return ""
