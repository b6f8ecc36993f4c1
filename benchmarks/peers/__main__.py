"""`make bench-peers`: other booking systems beside ours, in one interleaved run (G8, G9, G11).

    python -m benchmarks.peers [--rounds 3] [--seconds 3] [--save NAME] [--at FOLDER]

Each is installed into an environment of its own below FOLDER, set up as its own documentation says,
and served by gunicorn's sync workers, as many as granian has. Needs a package index.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks import client, machine
from benchmarks.client import Generator
from benchmarks.report import table_of_rates
from benchmarks.servers import Servers, partner_key, servers
from benchmarks.targets import MORE_NOTARIES, Job, Ours, Target
from hmnp.dev.ports import LOOPBACK, quiet_port
from hmnp.dev.processes import ProcessFailedError
from hmnp.dev.state import CHECKOUT

RESULTS = Path(__file__).parents[1] / "results"
CLIENTS = 8
_PRETIX = ("pretix==2024.10.0", "gunicorn")
_APPOINTMENT = ("django-appointment==3.12.0", "gunicorn", "psycopg2-binary")
_INSTALL_SECONDS = 1200


@dataclass(frozen=True)
class Peer:
    """A booking system's environment."""

    folder: Path

    @property
    def python(self) -> str:
        """Its Python."""
        return str(self.folder / "bin" / "python")


@dataclass(frozen=True)
class Ratio:
    """Ours against a peer's."""

    code: str
    ours: str
    against: str
    floor: float
    aim: float


_RATIOS = (
    Ratio("G8", "booking", "pretix-order", 8, 15),
    Ratio("G9", "hold", "pretix-cart", 8, 15),
    Ratio("G11", "uncached", "appointment-slots", 8, 20),
)


def install(at: Path, name: str, packages: tuple[str, ...]) -> Peer | None:
    """Give an environment with these packages; None where they cannot be had."""
    peer = Peer(at / name)
    stamp = peer.folder / ".installed"
    if stamp.exists() and stamp.read_text("utf-8") == " ".join(packages):
        return peer
    print(f"installing {packages[0]} into {peer.folder}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(peer.folder)], check=True)
    command = [peer.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *packages], check=False, timeout=_INSTALL_SECONDS)
    if done.returncode != 0:
        print(f"{packages[0]} cannot be installed: no package index, or no wheel for this machine")
        return None
    stamp.write_text(" ".join(packages), "utf-8")
    return peer


def _pretix(running: Servers, peer: Peer) -> list[Target]:
    url = urlsplit(running.database("peer_pretix"))
    data = running.folder / "pretix"
    data.mkdir()
    config = data / "pretix.cfg"
    config.write_text(
        f"[pretix]\ninstance_name=bench\nurl=http://{LOOPBACK}\ndatadir={data}\n"
        f"[database]\nbackend=postgresql\nname={url.path[1:]}\nuser={url.username}\n"
        f"password={url.password}\nhost={url.hostname}\nport={url.port}\n"
        f"[redis]\nlocation={running.lease.redis_url.rpartition('/')[0]}/6\nsessions=false\n",
        "utf-8",
    )
    environment = {
        "PRETIX_CONFIG_FILE": str(config),
        "DJANGO_SETTINGS_MODULE": "pretix.settings",
    }
    print("preparing pretix: some minutes", flush=True)
    running.run("pretix-migrate", [peer.python, "-m", "pretix", "migrate"], environment)
    script = str(CHECKOUT / "benchmarks" / "peers" / "pretix_house.py")
    said = running.run("pretix-house", [peer.python, script], environment)
    house = json.loads(said.splitlines()[-1])
    port = _serve(running, peer, "pretix", "pretix.wsgi", environment)
    base, key = (
        "/api/v1/organizers/bench/events/bench",
        {"Authorization": f"Token {house['token']}"},
    )
    position = {"item": house["item"], "variation": None, "price": "35.00"}
    carts = [{"cart_id": f"{number}@api", **position} for number in range(2000)]
    order = {
        "email": "ana.ruiz@example.com",
        "locale": "en",
        "sales_channel": "web",
        "payment_provider": "manual",
        "positions": [{"positionid": 1, "answers": [], "addon_to": None, **position}],
    }

    def get(path: str, contains: str) -> Target:
        asked = [client.request("GET", base + path, headers=key)]
        return Target(
            "pretix-quota",
            "pretix: is there a place",
            lambda seconds: _job(port, seconds, asked, contains, status=200),
        )

    def post(name: str, what: str, path: str, bodies: list[Any], contains: str) -> Target:
        asked = [client.request("POST", base + path, body=body, headers=key) for body in bodies]
        return Target(name, what, lambda seconds: _job(port, seconds, asked, contains, status=201))

    return [
        get(f"/quotas/{house['quota']}/availability/", '"available"'),
        post("pretix-cart", "pretix: cart position", "/cartpositions/", carts, '"expires"'),
        post("pretix-order", "pretix: order", "/orders/", [order], '"secret"'),
    ]


def _appointment(running: Servers, peer: Peer) -> list[Target]:
    environment = {
        "PEER_DATABASE_URL": running.database("peer_appointment"),
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.appointment_settings",
    }
    migrate = [peer.python, "-m", "django", "migrate", "--verbosity", "0"]
    running.run("appointment-migrate", migrate, environment)
    # It ships no migrations of its own.
    running.run("appointment-tables", [*migrate, "--run-syncdb"], environment)
    house_script = [peer.python, "-m", "benchmarks.peers.appointment_house"]
    house = json.loads(running.run("appointment-house", house_script, environment).splitlines()[-1])
    module = "benchmarks.peers.appointment_wsgi"
    port = _serve(running, peer, "appointment", module, environment)
    day = (datetime.now(tz=UTC) + timedelta(days=3)).date().isoformat()
    path = f"/appointment/ajax/available_slots/?selected_date={day}&staff_member={house['staff']}"
    asked = [client.request("GET", path, headers={"X-Requested-With": "XMLHttpRequest"})]
    return [
        Target(
            "appointment-slots",
            "django-appointment: times of a day",
            lambda seconds: _job(port, seconds, asked, "available_slots", status=200),
        )
    ]


def _serve(
    running: Servers, peer: Peer, name: str, module: str, environment: dict[str, str]
) -> int:
    port = quiet_port()
    command = [peer.python, "-m", "gunicorn", "--workers", "2", "--timeout", "300"]
    command += ["--bind", f"{LOOPBACK}:{port}"]
    child = running.start(name, [*command, f"{module}:application"], environment)
    if not client.wait_for_port(port):
        raise child.failure("does not listen")
    return port


def _job(port: int, seconds: float, requests: list[str], contains: str, *, status: int) -> Job:
    return {
        "host": LOOPBACK,
        "port": port,
        "connections": CLIENTS,
        "seconds": seconds,
        "requests": requests,
        "status": status,
        "contains": contains,
        "warm_up": min(1.0, seconds / 3),
    }


def main() -> int:
    """Measure whoever can be installed; answer 1 when a ratio is below its floor."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=3.0)
    asked.add_argument("--save", default="", help="keep the result under this name")
    asked.add_argument("--only", default="pretix,appointment")
    asked.add_argument("--at", type=Path, default=Path(tempfile.gettempdir()) / "hmnp-peers")
    options = asked.parse_args()
    options.at.mkdir(parents=True, exist_ok=True)
    wanted_peers = options.only.split(",")
    pretix = install(options.at, "pretix", _PRETIX) if "pretix" in wanted_peers else None
    appointment = (
        install(options.at, "appointment", _APPOINTMENT) if "appointment" in wanted_peers else None
    )
    with servers() as running:
        site_url = running.database("bench_site")
        environment = running.site_environment(database_url=site_url)
        running.prepare(environment)
        key = partner_key(running, environment)
        with psycopg.connect(site_url, autocommit=True) as database:
            database.execute(MORE_NOTARIES)
        running.web(environment)
        ours = Ours(port=int(environment["PORT"]), partner_key=key)
        wanted = {ratio.ours for ratio in _RATIOS}
        targets = [one for one in ours.targets() if one.name in wanted]
        for peer, start in ((pretix, _pretix), (appointment, _appointment)):
            if peer is None:
                continue
            try:
                targets += start(running, peer)
            except (ProcessFailedError, OSError) as problem:
                print(f"{peer.folder.name} cannot be set up: {problem}", flush=True)
        facts = machine.facts(database_url=site_url, redis_url=running.lease.redis_url)
        _measure(ours, targets, rounds=options.rounds, seconds=options.seconds)
    rows, has_failed = _ratios(targets)
    text = "\n".join(
        [
            f"# Peers and ours, {datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "",
            *(f"- {fact}" for fact in facts),
            f"- {options.rounds} rounds of {options.seconds:g} s, interleaved, {CLIENTS} clients; "
            "peers under gunicorn with 2 sync workers, ours under granian with 2",
            "",
            table_of_rates(targets),
            "",
            rows,
            "",
        ]
    )
    print(text)
    if options.save:
        (RESULTS / f"{options.save}.md").write_text(text, "utf-8")
    return 1 if has_failed else 0


def _measure(ours: Ours, targets: list[Target], *, rounds: int, seconds: float) -> None:
    with ExitStack() as stack:
        generator = stack.enter_context(Generator("benchmarks.load"))
        # The first round only warms up: some load half of themselves at the first request.
        for number in range(rounds + 1):
            for target in targets:
                result = generator.measure(target.job(seconds) | {"connections": CLIENTS})
                ours.note_taken(target, result["sent"])
                if not number:
                    continue
                target.results.append(result)
                target.rates.append(result["rate"])
                print(f"round {number}: {target.what}: {result['rate']}/s", flush=True)


def _ratios(targets: list[Target]) -> tuple[str, bool]:
    by_name = {one.name: one for one in targets}
    lines = ["| # | ratio | measured | floor | aim | |", "|---|---|---:|---:|---:|---|"]
    has_failed = False
    for ratio in _RATIOS:
        ours, peer = by_name[ratio.ours], by_name.get(ratio.against)
        if peer is None:
            lines.append(f"| {ratio.code} | {ours.what} | – | {ratio.floor:g} | | not measured |")
            continue
        found = [a / b for a, b in zip(ours.rates, peer.rates, strict=True)]
        middle = median(found)
        has_failed |= middle < ratio.floor
        verdict = "holds" if middle >= ratio.floor else "below the floor"
        lines.append(
            f"| {ratio.code} | {ours.what} : {peer.what} | {middle:.1f}× ({min(found):.1f}–"
            f"{max(found):.1f}) | {ratio.floor:g}× | {ratio.aim:g}× | {verdict} |"
        )
    return "\n".join(lines), has_failed


if __name__ == "__main__":
    sys.exit(main())
