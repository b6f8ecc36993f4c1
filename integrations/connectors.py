"""Which connector serves which destination.

A new one is added in three places: its folder, its destination's line here, and the facts that
lead to it in `routes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from integrations.differences import Difference
from integrations.mail import connector as mail
from integrations.receipts import Deliver
from integrations.sms import connector as sms
from integrations.states import Destination

CONNECTORS: dict[Destination, Deliver] = {
    Destination.MAIL: mail.deliver,
    Destination.SMS: sms.deliver,
}

# How to ask a system whether it holds what it should: `differences(now=…)`, over the network.
RECONCILERS: dict[Destination, Callable[..., Iterator[Difference]]] = {}
# How to learn what changed there and no webhook told: `poll(now=…)`, over the network; how much.
POLLERS: dict[Destination, Callable[..., int]] = {}
