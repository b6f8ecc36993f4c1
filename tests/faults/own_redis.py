"""A Redis that a test may kill -9 and start again at the same address."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field

import redis

from hmnp.dev.ports import LOOPBACK, quiet_port
from hmnp.dev.redis import redis_binary

START_SECONDS = 20.0


@dataclass
class OwnRedis:
    """One server on loopback; it keeps nothing over a restart, as a lost one would not."""

    port: int = field(default_factory=quiet_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Give its address, without the number of a database."""
        return f"redis://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        binary = redis_binary()
        assert binary is not None, "this machine has no redis-server"
        options = {"port": str(self.port), "bind": LOOPBACK, "save": "", "databases": "64"}
        words = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(f"{self.base}/0")
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                client.ping()
            except redis.RedisError:
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Kill -9 it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
