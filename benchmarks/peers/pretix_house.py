"""Run by pretix's own Python: an organiser, an event, products with places, a key. Prints JSON."""

import json
import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pretix.settings")
django.setup()

from django.utils.timezone import now  # noqa: E402 -- Django must be set up first
from django_scopes import scopes_disabled  # noqa: E402
from pretix.base.models import Event, Organizer  # noqa: E402

# Enough quotas, which pretix locks, that no client waits for another one's.
PRODUCTS = 24


def main() -> None:
    """Make the house and say how to get in."""
    with scopes_disabled():
        organizer = Organizer.objects.create(name="Bench", slug="bench")
        event = Event.objects.create(
            organizer=organizer,
            name="Bench",
            slug="bench",
            currency="USD",
            date_from=now() + timedelta(days=90),
            live=True,
        )
        items = [
            event.items.create(name=f"Session {number}", default_price=35)
            for number in range(PRODUCTS)
        ]
        for item in items:
            event.quotas.create(name=str(item.name), size=10_000_000).items.add(item)
        team = organizer.teams.create(
            name="Bench",
            all_events=True,
            can_view_orders=True,
            can_change_orders=True,
            can_change_items=True,
            can_change_event_settings=True,
        )
        token = team.tokens.create(name="bench")
    print(json.dumps({"items": [item.pk for item in items], "token": token.token}))


main()
