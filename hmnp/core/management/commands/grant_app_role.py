"""`manage.py grant_app_role`: let the application's database role do its work, and no more."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hmnp.core import app_role


class Command(BaseCommand):
    help = (
        "Grant the application's database role (APP_DATABASE_ROLE, or the one named) all it needs, "
        "but no changing or deleting of audit rows. Run as the owner, after each `migrate`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the role's name."""
        parser.add_argument("role", nargs="?", default=settings.APP_DATABASE_ROLE)

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant, or say plainly that there is one role for everything."""
        role = options["role"]
        if not role:
            self.stdout.write(
                "APP_DATABASE_ROLE is not set: the application owns its tables, and only triggers, "
                "which it could drop, keep audit rows as they are."
            )
            return
        try:
            sees_all = app_role.grant(role=role)
        except app_role.NoSuchRole as error:
            raise CommandError(
                f"there is no role {role}: CREATE ROLE {role} LOGIN PASSWORD '…' first"
            ) from error
        except app_role.RoleOwnsTables as error:
            raise CommandError(
                f"{role} owns the tables or may act as their owner: it needs another role"
            ) from error
        self.stdout.write(
            f"{role} may write; it can neither change nor delete rows of "
            + ", ".join([*app_role.append_only_tables(), *app_role.read_only_tables()])
            + "."
        )
        if not sees_all:
            self.stdout.write(
                f"An administrator may GRANT pg_read_all_stats TO {role}: the database's health "
                "then counts everybody's sessions, not only the site's."
            )
