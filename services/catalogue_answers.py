"""The catalogue's public answers, kept as they go out: family `services`, one hour.

The key names the catalogue's version, so that an edit ends them at once; so does the tag, which is
known before the answer is.
"""

from __future__ import annotations

import json

from hmnp.core.cache import Family, fetch_one
from services.catalogue import Catalogue
from services.definitions import ServiceDefinition
from services.presenters import service_body

SERVICES = Family("services", 3600)


def active_services_answer(*, catalogue: Catalogue) -> bytes:
    """Give the answer that lists the services on offer."""

    def build() -> bytes:
        data = [service_body(service=service) for service in catalogue.active()]
        return _json({"data": data, "nextCursor": None})

    return fetch_one(family=SERVICES, key=f"active:{catalogue.version}", build=build)


def service_answer(*, catalogue: Catalogue, service: ServiceDefinition) -> bytes:
    """Give the answer that shows one service."""
    return fetch_one(
        family=SERVICES,
        key=f"{service.slug}:{catalogue.version}",
        build=lambda: _json(service_body(service=service)),
    )


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
