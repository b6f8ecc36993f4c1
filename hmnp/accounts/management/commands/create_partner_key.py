"""`manage.py create_partner_key`: an API key for a partner, shown this once."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from hmnp.accounts.models import Partner, PartnerApiKey, Scope


class Command(BaseCommand):
    help = "Make an API key; the key alone is on the last line of the output, and kept nowhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose key it is and what it opens."""
        parser.add_argument("--partner", required=True, help="made on card terms if it is new")
        scopes = ",".join(Scope.values)
        parser.add_argument("--scopes", required=True, help=f"separated by commas: {scopes}")
        parser.add_argument("--name", default="api", help="what to call the key in the admin")
        parser.add_argument("--expires-in-days", type=int, help="none: until it is revoked")
        parser.add_argument("--addresses", default="", help="IPs or networks it may be used from")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key and print it."""
        scopes = _split(options["scopes"])
        unknown = sorted(set(scopes) - set(Scope.values))
        if unknown or not scopes:
            known = ", ".join(Scope.values)
            raise CommandError(f"unknown scopes: {', '.join(unknown) or 'none'}; known: {known}")
        days = options["expires_in_days"]
        try:
            partner, is_new = _partner(options["partner"])
            key, text = _make_key(
                partner=partner,
                name=options["name"],
                scopes=scopes,
                addresses=_split(options["addresses"]),
                expiry_date=timezone.now() + timedelta(days=days) if days else None,
            )
        except ValidationError as problem:
            raise CommandError("; ".join(problem.messages)) from problem
        self.stdout.write(f"{partner.name}{' (new)' if is_new else ''}: {key.prefix} {key.scopes}")
        self.stdout.write(text)


def _partner(name: str) -> tuple[Partner, bool]:
    partner = Partner.objects.filter(name=name).first()
    if partner is not None:
        return partner, False
    partner = Partner(name=name)
    partner.full_clean()
    partner.save()
    return partner, True


def _make_key(*, partner: Partner, **fields: Any) -> tuple[PartnerApiKey, str]:
    PartnerApiKey(id="unsaved", partner=partner, **fields).full_clean(
        exclude=["id", "prefix", "hashed_key"]
    )
    key, text = PartnerApiKey.objects.create_key(partner=partner, **fields)
    assert isinstance(key, PartnerApiKey)  # noqa: S101  # the manager's type is its base
    return key, str(text)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
