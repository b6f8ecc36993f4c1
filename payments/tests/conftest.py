"""A running Stripe, a notary, and the customer's way to a payment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from pytest_django import Settings

from bookings.models import Notary
from bookings.tests.factories import NOW, NotaryFactory
from payments.tests.driving import Stripe, free_port
from services.tests.fixtures import Catalogue


@pytest.fixture(scope="session")
def _running_stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stripe]:
    running = Stripe(data=tmp_path_factory.mktemp("stripe") / "s.sqlite3", port=free_port())
    running.start()
    yield running
    running.stop()


@pytest.fixture
def stripe(_running_stripe: Stripe, settings: Settings) -> Stripe:
    """Stripe, empty and reachable, on these tests' clock."""
    _running_stripe.turn("reset")
    ahead = NOW.timestamp() - _running_stripe.turn("advance", {"seconds": 0})["now"]
    _running_stripe.turn("advance", {"seconds": max(ahead, 0)})
    settings.STRIPE_API_BASE = _running_stripe.url
    return _running_stripe


@pytest.fixture
def notary(catalogue: Catalogue) -> Notary:
    """The only notary, so that a slot is free or it is not."""
    return cast(Notary, NotaryFactory())
