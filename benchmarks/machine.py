"""What this machine is, to be printed beside what was measured on it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import psycopg
import redis


def facts(*, database_url: str, redis_url: str) -> list[str]:
    """Give a line for each thing that absolute numbers depend on."""
    with psycopg.connect(database_url) as server:
        row = server.execute("SHOW server_version").fetchone()
        fsync = server.execute("SHOW fsync").fetchone()
    info = redis.Redis.from_url(redis_url).info("server")
    return [
        f"{os.cpu_count()} cores ({_cpu()}), {_memory()} GB, {platform.system()} "
        f"{platform.release()}",
        f"Python {platform.python_version()}, PostgreSQL {row[0] if row else '?'} "
        f"(fsync {fsync[0] if fsync else '?'}), Redis {info['redis_version']}",
        f"commit {_commit()}; load average {', '.join(f'{one:.1f}' for one in os.getloadavg())}",
        "load generator, servers, PostgreSQL and Redis share these cores",
    ]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3)


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"
