"""What tests of this app share."""

from __future__ import annotations

import pytest

from bookings.models import Booking
from integrations.tests.cast import make_booking
from services.tests.fixtures import Catalogue


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed mobile appointment two days ahead."""
    return make_booking(catalogue.standard)
