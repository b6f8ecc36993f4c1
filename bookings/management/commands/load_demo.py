"""`manage.py load_demo`: demo notaries, staff of every role and a partner."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bookings.actions.load_demo import load_demo


class Command(BaseCommand):
    help = "Make the demo notaries, staff and partner, and print their logins."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and print."""
        if not settings.SANDBOX_URL:
            raise CommandError("Demo logins are public; they are for the sandbox only.")
        logins = load_demo()
        names = ", ".join(f"{name} ({role})" for name, role in logins.staff.items())
        self.stdout.write(f"Staff:          {names}")
        self.stdout.write(f"Password:       {logins.staff_password}   (of all of them)")
        self.stdout.write(f"TOTP secret:    {logins.totp_secret}   (`make totp`: the code now)")
        self.stdout.write(f"Recovery code:  {logins.recovery_code}   (of staff, good once)")
        self.stdout.write(f"Partner:        {logins.partner_name}")
        self.stdout.write(f"Partner's key:  Api-Key {logins.partner_key}")
