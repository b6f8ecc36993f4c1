"""Run by pretix's own Python: an organiser, an event with places without end, a key; JSON out."""

import json
import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pretix.settings")
django.setup()

from django.utils.timezone import now  # noqa: E402 -- Django must be set up first
from django_scopes import scopes_disabled  # noqa: E402
from pretix.base.models import Event, Organizer  # noqa: E402


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
        item = event.items.create(name="Session", default_price=35)
        quota = event.quotas.create(name="Places", size=10_000_000)
        quota.items.add(item)
        team = organizer.teams.create(
            name="Bench",
            all_events=True,
            can_view_orders=True,
            can_change_orders=True,
            can_change_items=True,
            can_change_event_settings=True,
        )
        token = team.tokens.create(name="bench")
    print(json.dumps({"item": item.pk, "quota": quota.pk, "token": token.token}))


main()
