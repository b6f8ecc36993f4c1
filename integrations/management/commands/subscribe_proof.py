"""`manage.py subscribe_proof`: have Proof tell this site what happens to its transactions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from integrations.errors import ConnectorError
from integrations.proof import client


class Command(BaseCommand):
    help = (
        "Subscribe this site's webhook at Proof, signed with PROOF_WEBHOOK_SIGNING_KEY. Run it "
        "once for an account: every run makes a subscription."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Subscribe and print the subscription's id."""
        key = str(settings.PROOF_WEBHOOK_SIGNING_KEY).strip()
        if not key or not settings.PROOF_API_KEY:
            raise CommandError("PROOF_API_KEY and PROOF_WEBHOOK_SIGNING_KEY must be set first.")
        path = reverse("webhooks-proof")
        url = f"{settings.PUBLIC_BASE_URL.rstrip('/')}{path}"
        try:
            name = client.subscribe(url=url, signing_key=key)
        except ConnectorError as error:
            raise CommandError(f"Proof {error.reason}") from error
        self.stdout.write(f"{url} is subscribed as {name}.")
