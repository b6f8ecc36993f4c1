"""`manage.py load_demo`: demo notaries, a staff user and a partner."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bookings.actions.load_demo import load_demo


class Command(BaseCommand):
    help = "Make the demo notaries, staff user and partner, and print their logins."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and print."""
        if not settings.SANDBOX_URL:
            raise CommandError("Demo logins are public; they are for the sandbox only.")
        logins = load_demo()
        self.stdout.write(f"Staff (admin):  {logins.staff_username} / {logins.staff_password}")
        self.stdout.write(f"Partner:        {logins.partner_name}")
        self.stdout.write(f"Partner's key:  Api-Key {logins.partner_key}")
