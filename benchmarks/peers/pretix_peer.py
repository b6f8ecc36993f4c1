"""pretix: a cart position is its hold, an order its booking; both by its REST API."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import client
from benchmarks.peers.environments import Peer
from benchmarks.peers.jobs import job
from benchmarks.servers import Servers
from benchmarks.targets import Target
from hmnp.dev.ports import LOOPBACK

PACKAGES = ("pretix==2024.10.0", "gunicorn")
_BASE = "/api/v1/organizers/bench/events/bench"
_HOUSE = Path(__file__).with_name("pretix_house.py")
# More than it answers in a round; then they come again, into the same carts.
_MOST_A_SECOND = 300


def start(running: Servers, folder: Path) -> list[Target]:
    """Set pretix up as its handbook says, on PostgreSQL, Redis and Celery; say what to measure.

    Nobody works off its Celery queue, as no worker runs on our side. Raises ProcessFailedError.
    """
    peer = Peer(folder, running, _environment(running))
    print("preparing pretix: its migrations take a minute or more", flush=True)
    peer.run("pretix-migrate", "-m", "pretix", "migrate", "--verbosity", "0")
    house = json.loads(peer.run("pretix-house", str(_HOUSE)).splitlines()[-1])
    port = peer.serve("pretix.wsgi:application", path="/healthcheck/")
    headers = {"Authorization": f"Token {house['token']}"}
    items: list[int] = house["items"]
    numbers = count()

    def post(
        path: str, body: Callable[[int], Any], contains: str, seconds: float
    ) -> dict[str, Any]:
        asked = [
            client.request("POST", _BASE + path, body=body(next(numbers)), headers=headers)
            for _ in range(int(seconds * _MOST_A_SECOND))
        ]
        return job(port, seconds, asked, status=201, contains=contains)

    def cart(number: int) -> dict[str, Any]:
        return {"cart_id": f"{number}@api", "sales_channel": "web", **_position(items, number)}

    def order(number: int) -> dict[str, Any]:
        return {
            "email": f"ana.ruiz.{number}@example.com",
            "phone": "+17135550188",
            "locale": "en",
            "sales_channel": "web",
            "payment_provider": "manual",
            "positions": [_position(items, number)],
        }

    return [
        Target(
            "pretix-cart",
            "pretix: cart position",
            lambda seconds: post("/cartpositions/", cart, '"expires"', seconds),
        ),
        Target(
            "pretix-order",
            "pretix: order, payment due",
            lambda seconds: post("/orders/", order, '"status":"n"', seconds),
        ),
    ]


def _position(items: list[int], number: int) -> dict[str, Any]:
    # One product after another: each has a quota of its own, and pretix locks by quota.
    return {
        "item": items[number % len(items)],
        "variation": None,
        "price": "35.00",
        "attendee_name": "Ana María Ruiz",
        "answers": [],
    }


def _environment(running: Servers) -> dict[str, str]:
    url = urlsplit(running.database("peer_pretix"))
    redis = running.lease.redis_url.rpartition("/")[0]
    data = running.folder / "pretix"
    data.mkdir()
    config = data / "pretix.cfg"
    config.write_text(
        f"[pretix]\ninstance_name=bench\nurl=http://{LOOPBACK}\ndatadir={data}\n"
        f"[database]\nbackend=postgresql\nname={url.path[1:]}\nuser={url.username}\n"
        f"password={url.password}\nhost={url.hostname}\nport={url.port}\n"
        f"[redis]\nlocation={redis}/6\nsessions=true\n"
        f"[celery]\nbroker={redis}/7\nbackend={redis}/8\n",
        "utf-8",
    )
    return {"PRETIX_CONFIG_FILE": str(config), "DJANGO_SETTINGS_MODULE": "pretix.settings"}
