"""GoHighLevel's API under `/ghl/`: contacts, opportunities, one calendar, and its webhooks."""

from __future__ import annotations

import re
from datetime import datetime

from sandbox import webhooks
from sandbox.config import Config
from sandbox.courier import Courier
from sandbox.ghl import appointments, calendars, contacts, control, opportunities
from sandbox.ghl.call import Meter, api_route
from sandbox.ghl.events import SCHEME
from sandbox.store import Store
from sandbox.systems import Holding, Panel
from sandbox.wire import Json, Route

_MODULES = (contacts, opportunities, appointments, calendars)
_KINDS = {
    "ghl_contacts": "ghl_contact",
    "ghl_opportunities": "ghl_opportunity",
    "ghl_appointments": "ghl_appointment",
    "ghl_notes": "ghl_note",
    "ghl_events": "ghl_event",
}
_REFERENCE = re.compile(r"HM-[0-9A-Z]{6}")


class Ghl:
    """Play GoHighLevel."""

    name = "ghl"
    title = "GoHighLevel"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self._config = config
        self._meter = Meter(store=store)
        self.routes: tuple[Route, ...] = (
            *(
                api_route(store=store, config=config, meter=self._meter, endpoint=endpoint)
                for module in _MODULES
                for endpoint in module.ENDPOINTS
            ),
            *control.routes(store=store, config=config, meter=self._meter),
            *webhooks.routes(store=store, scheme=SCHEME),
        )
        self._courier = Courier(store=store, scheme=SCHEME)
        self.reset()

    def start(self) -> None:
        """Start to deliver webhooks."""
        self._courier.start()

    def stop(self) -> None:
        """Stop to deliver webhooks."""
        self._courier.stop()

    def reset(self) -> None:
        """Set up the configured webhook endpoint, at the start and after a wipe."""
        self._meter.reset()
        if self._config.webhook_url:
            webhooks.configure_endpoint(
                store=self._store,
                scheme=SCHEME,
                url=webhooks.sibling(url=self._config.webhook_url, name=self.name),
                secret="",
            )

    def run_timer(self, *, kind: str, ref: str) -> None:
        """No timer is ever set."""

    def ledger(self) -> Json:
        """Return everything held, oldest first, what was deleted included and marked."""
        return {name: self._store.select(kind=kind) for name, kind in _KINDS.items()}

    def holdings(self) -> list[Holding]:
        """Return opportunities and appointments for the page, newest first."""
        stages = {
            stage["id"]: stage["name"]
            for pipeline in self._store.knob("ghl.pipelines", [opportunities.PIPELINE])
            for stage in pipeline["stages"]
        }
        result = []
        for kind, text, status in (
            ("ghl_opportunity", "name", "status"),
            ("ghl_appointment", "title", "appointmentStatus"),
        ):
            for doc in self._store.select(kind=kind, tail="ORDER BY seq DESC LIMIT 300"):
                found = _REFERENCE.search(doc[text])
                is_opportunity = kind == "ghl_opportunity"
                result.append(
                    Holding(
                        system=self.title,
                        reference=found.group() if found else "",
                        what=("opportunity " if is_opportunity else "appointment ") + doc["id"],
                        status="deleted" if doc["deleted"] else doc[status],
                        amount=f"{doc['monetaryValue']:.2f}" if is_opportunity else "",
                        detail=(
                            stages.get(doc["pipelineStageId"], "")
                            if is_opportunity
                            else doc["startTime"]
                        ),
                        at=datetime.fromisoformat(
                            doc["createdAt" if is_opportunity else "dateAdded"]
                        ).timestamp(),
                    )
                )
        return result

    def panels(self) -> list[Panel]:
        """Return the contacts, the newest webhook deliveries and the endpoints."""
        found = self._store.select(kind="ghl_contact", tail="ORDER BY seq DESC LIMIT 60")
        return [
            Panel(
                title="CRM contacts",
                columns=("Contact", "Name", "E-mail", "Phone", "Tags"),
                rows=[
                    (
                        each["id"] + (" (deleted)" if each["deleted"] else ""),
                        f"{each['firstName']} {each['lastName']}".strip(),
                        each["email"],
                        each["phone"],
                        ", ".join(each["tags"]),
                    )
                    for each in found
                ],
                empty="No contact yet.",
            ),
            *webhooks.panels(store=self._store, scheme=SCHEME, title=self.title),
        ]
