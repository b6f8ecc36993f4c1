"""`manage.py reseal_factors`: seal the staff's second factors under the newest of `TOKEN_KEYS`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hmnp.accounts.codes import reseal_factors
from hmnp.core.sealed import Unreadable


class Command(BaseCommand):
    help = "Seal every second factor under the current key, before the previous one is taken out."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal, and say how many there were."""
        try:
            changed = reseal_factors()
        except Unreadable:
            raise CommandError(
                "A second factor was sealed under a key that is no longer in TOKEN_KEYS: put it "
                "back, or reset that person's second step."
            ) from None
        self.stdout.write(f"{changed} sealed anew")
