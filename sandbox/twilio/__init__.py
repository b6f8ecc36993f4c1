"""Twilio's Messages API under `/twilio/`: every text taken stays in the ledger, with its fate."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sandbox.config import Config
from sandbox.store import Store
from sandbox.systems import Holding, Panel
from sandbox.twilio import api, callbacks, control
from sandbox.wire import Json, Route

_ERRORS = {30003: "Unreachable destination handset", 30007: "Message filtered"}


class Twilio:
    """Play Twilio."""

    name = "twilio"
    title = "SMS"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self._config = config
        self.routes: tuple[Route, ...] = (
            *api.routes(store=store, config=config),
            *control.routes(store=store),
        )
        self._caller = callbacks.Caller(store=store, config=config)

    def start(self) -> None:
        """Start to send status callbacks."""
        threading.Thread(target=self._caller.run, name="sms-callbacks", daemon=True).start()

    def stop(self) -> None:
        """Stop to send status callbacks."""
        self._caller.stop()

    def reset(self) -> None:
        """Nothing is configured beforehand."""

    def run_timer(self, *, kind: str, ref: str) -> None:
        """Move a message on: queued, then sent, then delivered or not."""
        message = self._store.get(kind=api.KIND, key=ref)
        if message is None:
            return
        fate = self._store.knob("sms.failing", {}).get(message["to"])
        is_ending = kind == "delivered" or (fate is not None and fate["status"] == "failed")
        now = round(self._store.now(), 3)
        message |= {"status": kind, "updated_at": now}
        if is_ending and fate is not None:
            code = fate["code"]
            message |= {
                "status": fate["status"],
                "error_code": code,
                "error_message": _ERRORS.get(code, "Unknown error"),
            }
        elif kind == "sent":
            message["sent_at"] = now
        self._store.replace(doc=message)
        callbacks.queue(store=self._store, config=self._config, message=message)
        if not is_ending:
            seconds = float(self._store.knob("sms.seconds", 0.2))
            self._store.set_timer(system=self.name, kind="delivered", ref=ref, seconds=seconds)

    def ledger(self) -> Json:
        """Return every text taken and every callback, oldest first."""
        return {
            "sms": self._store.select(kind=api.KIND),
            "sms_callbacks": self._store.select(kind=callbacks.KIND),
        }

    def holdings(self) -> list[Holding]:
        """Return the texts for the page, newest first."""
        return [
            Holding(
                system=self.title,
                reference=message["reference"],
                what=message["body"],
                status=message["status"],
                detail=f"to {message['to']}",
                at=message["at"],
            )
            for message in self._store.select(kind=api.KIND, tail="ORDER BY seq DESC LIMIT 300")
        ]

    def panels(self) -> list[Panel]:
        """Return the newest texts, and the numbers that take none when there are any."""
        messages = self._store.select(kind=api.KIND, tail="ORDER BY seq DESC LIMIT 100")
        panels = [
            Panel(
                title="SMS",
                columns=("Text", "To", "State", "Error", "Parts", "Taken (UTC)"),
                rows=[
                    (
                        message["body"],
                        message["to"],
                        message["status"],
                        str(message["error_code"] or ""),
                        str(message["segments"]),
                        datetime.fromtimestamp(message["at"], UTC).strftime("%d %b %H:%M:%S"),
                    )
                    for message in messages
                ],
                empty="No SMS has been sent yet.",
            )
        ]
        failing = self._store.knob("sms.failing", {})
        refused = [
            *((number, "opted out") for number in self._store.knob("sms.opted_out", [])),
            *((number, f"{fate['status']} ({fate['code']})") for number, fate in failing.items()),
        ]
        if refused:
            panels.append(
                Panel(title="Numbers that take no SMS", columns=("Number", "Why"), rows=refused)
            )
        return panels
