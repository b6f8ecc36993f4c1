"""`manage.py load_roles`: make the groups of the desk say what `hmnp/desk/roles.py` says."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hmnp.desk.roles import ROLES


class Command(BaseCommand):
    help = (
        "Make the desk's roles grant exactly what hmnp/desk/roles.py says; run it at each release."
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Set each group's permissions; whoever is in it keeps it."""
        known = {
            f"{permission.content_type.app_label}.{permission.codename}": permission
            for permission in Permission.objects.select_related("content_type")
        }
        for name, wanted in ROLES.items():
            if unknown := sorted(set(wanted) - known.keys()):
                raise CommandError(f"{name}: no such permission: {', '.join(unknown)}")
            group, _ = Group.objects.get_or_create(name=name)
            group.permissions.set([known[one] for one in wanted])
            self.stdout.write(f"{name}: {len(set(wanted))} permissions")
