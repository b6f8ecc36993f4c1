"""The catalogue for tests of every app: loaded from the very data files the site starts with."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db import connection, transaction

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


# The rows of each table as JSON, once they have been loaded the long way.
_loaded: dict[str, str] = {}


def _load() -> None:
    """Load the catalogue from the data files, the second time from what that came to.

    Hundreds of tests start with it, and the loader asks of every row whether it is there.
    """
    models = apps.get_app_config("services").get_models(include_auto_created=True)
    tables = [model._meta.db_table for model in models]
    if not _loaded:
        load_catalogue(with_demo=True)
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            if table in _loaded:
                cursor.execute(
                    f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)",
                    [_loaded[table]],
                )
            else:
                cursor.execute(f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t")
                _loaded[table] = cursor.fetchone()[0]


@pytest.fixture
def catalogue(db: None) -> Catalogue:
    """Load the catalogue and the demo promo codes."""
    _load()
    by_slug = {service.slug: service for service in active_services()}
    return Catalogue(
        standard=by_slug["standard-notary"],
        extended=by_slug["extended-hours"],
        loan=by_slug["loan-signing"],
        ron=by_slug["ron"],
    )
