"""Postmark's API under `/postmark/`: every accepted mail stays in the ledger; some come back."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox import webhooks
from sandbox.config import Config
from sandbox.courier import Courier
from sandbox.postmark import api, bounces, reading, searching
from sandbox.store import Store
from sandbox.systems import Holding, Panel
from sandbox.wire import Json, Route


class Postmark:
    """Play Postmark."""

    name = "postmark"
    title = "Mail"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self._config = config
        self.routes: tuple[Route, ...] = (
            *api.routes(store=store, config=config),
            *searching.routes(store=store, config=config),
            *bounces.routes(store=store),
            *reading.routes(store=store),
        )
        self._courier = Courier(store=store, scheme=bounces.SCHEME)
        self.reset()

    def start(self) -> None:
        """Start to tell of mail that came back."""
        self._courier.start()

    def stop(self) -> None:
        """Stop to tell of mail that came back."""
        self._courier.stop()

    def reset(self) -> None:
        """Set up the configured webhook, at the start and after a wipe."""
        if url := bounces.tracking_url(webhook_url=self._config.webhook_url):
            webhooks.configure_endpoint(
                store=self._store,
                scheme=bounces.SCHEME,
                url=url,
                secret=self._config.mail_webhook_secret,
            )

    def run_timer(self, *, kind: str, ref: str) -> None:  # noqa: ARG002 - the protocol's
        """Let a mail come back."""
        mail = self._store.get(kind="mail", key=ref)
        if mail is not None:
            bounces.tell(store=self._store, mail=mail)

    def ledger(self) -> Json:
        """Return every mail taken, oldest first, without attachments' bytes, and what came back."""
        mails = self._store.select(kind="mail")
        return {
            "mails": [reading.summary(mail) for mail in mails],
            "mail_events": self._store.select(kind=bounces.SCHEME.event_kind),
        }

    def holdings(self) -> list[Holding]:
        """Return the mails for the page, newest first."""
        return [
            Holding(
                system=self.title,
                booking_id=mail["metadata"].get("booking_id", ""),
                reference=mail["metadata"].get("reference", ""),
                what=mail["subject"] or "(no subject)",
                status="sent",
                detail="to " + ", ".join(mail["to"]),
                link=f"/_sandbox/mails/{mail['id']}",
                at=mail["at"],
            )
            for mail in self._store.select(kind="mail", tail="ORDER BY seq DESC LIMIT 300")
        ]

    def panels(self) -> list[Panel]:
        """Return the newest mails, and the dead addresses when there are any."""
        mails = self._store.select(kind="mail", tail="ORDER BY seq DESC LIMIT 100")
        panels = [
            Panel(
                title="Mails",
                columns=("Subject", "To", "Sent (UTC)", "Attachments"),
                rows=[
                    (
                        mail["subject"] or "(no subject)",
                        ", ".join([*mail["to"], *mail["cc"], *mail["bcc"]]),
                        datetime.fromtimestamp(mail["at"], UTC).strftime("%d %b %H:%M:%S"),
                        ", ".join(item["name"] for item in mail["attachments"]),
                    )
                    for mail in mails
                ],
                links=[f"/_sandbox/mails/{mail['id']}" for mail in mails],
                empty="No mail has been sent yet.",
            )
        ]
        if dead := self._store.knob("mail.inactive", []):
            panels.append(
                Panel(
                    title="Inactive addresses",
                    columns=("Address",),
                    rows=[(address,) for address in dead],
                )
            )
        return [*panels, *webhooks.panels(store=self._store, scheme=bounces.SCHEME, title="Mail")]
