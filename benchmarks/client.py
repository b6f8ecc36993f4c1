"""Requests as bytes for the load generator, and the processes that send them."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Self

from hmnp.dev.ports import LOOPBACK
from hmnp.dev.processes import python_module
from hmnp.dev.state import CHECKOUT

_dice = random.Random(1)


def address() -> str:
    """Give the address of some customer, another one each time."""
    return f"10.{_dice.randrange(256)}.{_dice.randrange(256)}.{_dice.randrange(1, 255)}"


def request(
    method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None
) -> str:
    """Write one request, from some customer behind our proxy."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {LOOPBACK}",
        f"X-Forwarded-For: {address()}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    text = ""
    if body is not None:
        text = json.dumps(body)
        lines += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + text


def fetch(url: str) -> tuple[dict[str, str], bytes]:
    """Get a page once; give its headers and body. Raises OSError unless it is 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


def wait_for_port(port: int, *, seconds: float = 60.0) -> bool:
    """Wait until somebody listens there; tell whether somebody does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1):
                return True
        except OSError:
            time.sleep(0.1)
    return False


@dataclass
class Generator:
    """A load generator in a process of its own; one job after another."""

    module: str
    _process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            python_module(self.module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=30)

    def measure(self, job: dict[str, Any]) -> dict[str, Any]:
        """Do one job. Raises RuntimeError with what went wrong."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the load generator has no pipes")
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator died")
        result: dict[str, Any] = json.loads(line)
        if result["problem"]:
            raise RuntimeError(result["problem"])
        return result
