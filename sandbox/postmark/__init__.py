"""Postmark's sending API under `/postmark/`: every accepted mail stays in the ledger."""

from __future__ import annotations

import json

from sandbox.config import Config
from sandbox.postmark import api, reading, searching
from sandbox.store import Store
from sandbox.systems import Holding, Panel
from sandbox.wire import Json, Route


class Postmark:
    """Play Postmark."""

    name = "postmark"
    title = "Mail (Postmark)"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self.routes: tuple[Route, ...] = (
            *api.routes(store=store, config=config),
            *searching.routes(store=store, config=config),
            *reading.routes(store=store),
        )

    def start(self) -> None:
        """Nothing runs in the background."""

    def stop(self) -> None:
        """Nothing runs in the background."""

    def reset(self) -> None:
        """Nothing is configured beforehand."""

    def run_timer(self, *, kind: str, ref: str) -> None:
        """No timer is ever set."""

    def ledger(self) -> Json:
        """Return every mail taken, oldest first, without the attachments' bytes."""
        mails = self._store.select(kind="mail")
        return {"mails": [reading.summary(mail) for mail in mails]}

    def holdings(self) -> list[Holding]:
        """Return the mails for the page, newest first."""
        return [
            Holding(
                system=self.title,
                booking_id=mail["metadata"].get("booking_id", ""),
                reference=mail["metadata"].get("reference", ""),
                what=mail["subject"] or "(no subject)",
                status="sent",
                detail=f"to {json.dumps(mail['to'])[1:-1]}".replace('"', ""),
                link=f"/_sandbox/mails/{mail['id']}",
                at=mail["at"],
            )
            for mail in self._store.select(kind="mail", tail="ORDER BY seq DESC LIMIT 300")
        ]

    def panels(self) -> list[Panel]:
        """Return the addresses that count as dead, when there are any."""
        dead = self._store.knob("mail.inactive", [])
        if not dead:
            return []
        rows = [(address,) for address in dead]
        return [Panel(title="Inactive addresses", columns=("Address",), rows=rows)]
