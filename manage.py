#!/usr/bin/env python3
"""Django's command line. Starts the embedded servers for a command when none are given."""

import contextlib
import importlib
import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import environ
from django.core.management import execute_from_command_line


def _servers() -> AbstractContextManager[None]:
    """Find or start the embedded servers, unless the settings are the production ones."""
    chosen = os.environ["DJANGO_SETTINGS_MODULE"]
    for position, argument in enumerate(sys.argv):
        if argument.startswith("--settings="):
            chosen = argument.partition("=")[2]
        elif argument == "--settings" and position + 1 < len(sys.argv):
            chosen = sys.argv[position + 1]
    if chosen == "hmnp.settings.production":
        return contextlib.nullcontext()
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return contextlib.nullcontext()
    # By name, because production does not install what this module needs.
    embedded = importlib.import_module("hmnp.dev.embedded")
    servers: AbstractContextManager[None] = embedded.servers_for_a_command()
    return servers


def main() -> None:
    """Run the command given on the command line."""
    environ.Env.read_env(Path(__file__).resolve().parent / ".env")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmnp.settings.local")
    with _servers():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
