"""Which connector serves which destination.

A new one is added in three places: its folder, its destination's line here, and the facts that
lead to it in `routes.py`.
"""

from __future__ import annotations

from integrations.mail import connector as mail
from integrations.receipts import Deliver
from integrations.states import Destination

CONNECTORS: dict[Destination, Deliver] = {
    Destination.MAIL: mail.deliver,
}
