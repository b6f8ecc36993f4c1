"""Fixtures that tests of every app may use, and which tests wait for the night."""

from __future__ import annotations

import os

import pytest
from stripe._http_client import HTTPClient

pytest_plugins = ["services.tests.fixtures"]

# How long Stripe's library waits before it tries again is not ours to test.
HTTPClient.INITIAL_DELAY = 0.02


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `night`, unless this is one (`make faults`)."""
    if "FAULT_FLOWS" in os.environ:
        return
    late = [item for item in items if item.get_closest_marker("night")]
    if late:
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if not item.get_closest_marker("night")]
