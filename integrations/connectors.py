"""Which connector serves which destination.

A new one is added in three places: its folder, its destination's line here, and the facts that
lead to it in `routes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from integrations.caldav import connector as caldav
from integrations.caldav import polling as caldav_polling
from integrations.caldav import reconciling as caldav_reconciling
from integrations.differences import Difference
from integrations.ghl import connector as ghl
from integrations.ghl import polling as ghl_polling
from integrations.ghl import reconciling as ghl_reconciling
from integrations.google_calendar import connector as google_calendar
from integrations.google_calendar import polling as google_calendar_polling
from integrations.google_calendar import reconciling as google_calendar_reconciling
from integrations.mail import connector as mail
from integrations.proof import connector as proof
from integrations.proof import polling as proof_polling
from integrations.proof import reconciling as proof_reconciling
from integrations.receipts import Deliver
from integrations.sms import connector as sms
from integrations.states import Destination

CONNECTORS: dict[Destination, Deliver] = {
    Destination.MAIL: mail.deliver,
    Destination.SMS: sms.deliver,
    Destination.GHL: ghl.deliver,
    Destination.GOOGLE_CALENDAR: google_calendar.deliver,
    Destination.CALDAV: caldav.deliver,
    Destination.PROOF: proof.deliver,
}

# How to ask a system whether it holds what it should: `differences(now=…)`, over the network.
RECONCILERS: dict[Destination, Callable[..., Iterator[Difference]]] = {
    Destination.GHL: ghl_reconciling.differences,
    Destination.GOOGLE_CALENDAR: google_calendar_reconciling.differences,
    Destination.CALDAV: caldav_reconciling.differences,
    Destination.PROOF: proof_reconciling.differences,
}
# How to learn what changed there and no webhook told: `poll(now=…)`, over the network; how much.
POLLERS: dict[Destination, Callable[..., int]] = {
    Destination.GHL: ghl_polling.poll,
    Destination.GOOGLE_CALENDAR: google_calendar_polling.poll,
    Destination.CALDAV: caldav_polling.poll,
    Destination.PROOF: proof_polling.poll,
}
