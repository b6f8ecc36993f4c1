"""The catalogue for tests of every app: loaded from the very data files the site starts with."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from services.actions.load_catalogue import load_catalogue
from services.catalogue import active_services
from services.definitions import ServiceDefinition


@dataclass(frozen=True)
class Catalogue:
    """The four services as they are in the database."""

    standard: ServiceDefinition
    extended: ServiceDefinition
    loan: ServiceDefinition
    ron: ServiceDefinition


@pytest.fixture
def catalogue(db: None) -> Catalogue:
    """Load the catalogue and the demo promo codes."""
    load_catalogue(with_demo=True)
    by_slug = {service.slug: service for service in active_services()}
    return Catalogue(
        standard=by_slug["standard-notary"],
        extended=by_slug["extended-hours"],
        loan=by_slug["loan-signing"],
        ron=by_slug["ron"],
    )
