"""Google: OAuth for a service account under `/google/token`, and Calendar under `/google/…/v3`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sandbox.config import Config
from sandbox.google import control
from sandbox.google.accounts import GOOGLE_AUDIENCE, Account
from sandbox.google.api import Api
from sandbox.google.calendars import Calendars
from sandbox.google.listing import Listing
from sandbox.store import Store
from sandbox.systems import Holding, Panel
from sandbox.wire import Json, Route


class Google:
    """Play Google Calendar."""

    name = "google"
    title = "Google Calendar"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self._config = config
        self._account = Account(store=store)
        self._calendars = Calendars(store=store)
        listing = Listing(store=store, calendars=self._calendars)
        api = Api(store=store, account=self._account, calendars=self._calendars, listing=listing)
        audiences = frozenset({GOOGLE_AUDIENCE, self._token_uri})
        self.routes: tuple[Route, ...] = (
            *self._account.routes(audiences=audiences),
            *api.routes,
            *control.routes(store=store, calendars=self._calendars, listing=listing),
        )
        self.reset()

    @property
    def _token_uri(self) -> str:
        return f"http://{self._config.host}:{self._config.port}/google/token"

    def start(self) -> None:
        """Give the service account's file to whoever asked for it."""
        if path := self._config.google_service_account:
            self._account.write_file(path=Path(path), token_uri=self._token_uri)

    def stop(self) -> None:
        """Nothing runs in the background."""

    def reset(self) -> None:
        """Make the demo's calendars again; the key stays, as the file names it."""
        with self._store.transaction():
            self._account.reset()
            self._calendars.reset()

    def run_timer(self, *, kind: str, ref: str) -> None:
        """No timer is ever set."""

    def ledger(self) -> Json:
        """Return every calendar and event, deleted ones too."""
        return {
            "google_calendars": self._store.select(kind="google_calendar"),
            "google_events": self._calendars.all_events(),
        }

    def holdings(self) -> list[Holding]:
        """Return the events that stand for bookings, newest change first."""
        docs = self._store.select(kind="google_event", tail="ORDER BY seq DESC LIMIT 300")
        found = []
        for doc in docs:
            event = doc["event"]
            known = event.get("extendedProperties", {}).get("private", {})
            if not known.get("booking_id"):
                continue
            begins = event["start"].get("dateTime", event["start"].get("date", ""))
            found.append(
                Holding(
                    system=self.title,
                    booking_id=known["booking_id"],
                    reference=known.get("reference", ""),
                    what=event.get("summary", "(no title)"),
                    status=event["status"],
                    detail=f"{doc['calendar']}, {_when(begins)}",
                    at=doc["at"],
                )
            )
        return sorted(found, key=lambda holding: holding.at, reverse=True)

    def panels(self) -> list[Panel]:
        """Return the calendars and how much each holds."""
        calendars = self._store.select(kind="google_calendar")
        return [
            Panel(
                title="Google calendars",
                columns=("Calendar", "Shared as", "Zone", "Events"),
                rows=[
                    (
                        doc["calendar"],
                        doc["role"],
                        doc["timeZone"],
                        str(
                            sum(
                                one["event"]["status"] != "cancelled"
                                for one in self._calendars.docs(doc["calendar"])
                            )
                        ),
                    )
                    for doc in calendars
                ],
            )
        ]


def _when(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{at:%d %b %Y %H:%M}" if len(text) > 10 else text
