"""Fixtures that tests of every app may use."""

pytest_plugins = ["services.tests.fixtures"]
