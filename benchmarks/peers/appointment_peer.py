"""django-appointment: the times of a day, and a booking, which takes it two posts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from benchmarks import client
from benchmarks.peers.environments import Peer
from benchmarks.peers.jobs import CLIENTS, job
from benchmarks.servers import Servers
from benchmarks.targets import Job, Target
from hmnp.dev.ports import LOOPBACK

PACKAGES = ("django-appointment==3.12.0", "gunicorn", "psycopg2-binary")
_MOST_A_SECOND = 400


def start(running: Servers, folder: Path) -> list[Target]:
    """Set it up as its own documentation says, on PostgreSQL; say what to measure.

    Raises ProcessFailedError.
    """
    environment = {
        "PEER_DATABASE_URL": running.database("peer_appointment"),
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.appointment_settings",
    }
    peer = Peer(folder, running, environment)
    # It ships no migrations of its own.
    for more in ((), ("--run-syncdb",)):
        peer.run("appointment-migrate", "-m", "django", "migrate", "--verbosity", "0", *more)
    said = peer.run("appointment-house", "-m", "benchmarks.peers.appointment_house", str(CLIENTS))
    house = json.loads(said.splitlines()[-1])
    day = (datetime.now(tz=UTC) + timedelta(days=3)).date()
    slots = (
        f"/appointment/ajax/available_slots/?selected_date={day.isoformat()}"
        f"&staff_member={house['staff']}"
    )
    port = peer.serve(
        "benchmarks.peers.appointment_wsgi:application",
        path=f"/appointment/request/{house['service']}/",
    )
    asked = [client.request("GET", slots, headers={"X-Requested-With": "XMLHttpRequest"})]
    numbers = count()

    def visits(seconds: float) -> Job:
        return {
            "host": LOOPBACK,
            "port": port,
            "seconds": seconds,
            "connections": CLIENTS,
            "sessions": house["sessions"],
            "visits": [
                _times(day, next(numbers)) | {key: house[key] for key in ("service", "staff")}
                for _ in range(int(seconds * _MOST_A_SECOND))
            ],
        }

    return [
        Target(
            "appointment-slots",
            "django-appointment: times of a day",
            lambda seconds: job(port, seconds, asked, status=200, contains='"available_slots": [['),
        ),
        Target(
            "appointment-booking",
            "django-appointment: booking, two posts",
            visits,
            "benchmarks.peers.visits",
        ),
    ]


def _times(first_day: date, number: int) -> dict[str, str]:
    """Give half an hour, another one each time: from the day after the one that is asked about."""
    days, half_hour = divmod(number, 46)
    hour, half = divmod(half_hour, 2)
    return {
        "date": (first_day + timedelta(days=days + 1)).isoformat(),
        "start_time": f"{hour:02}:{30 * half:02}",
        "end_time": f"{hour + half:02}:{30 - 30 * half:02}",
    }
