"""The load generator: a process of its own that shares nothing with what it measures.

Reads one job a line (JSON) from its standard input, answers one result a line. Every connection is
kept open; of every answer the status is checked, and its body against what must be in it. A
request that goes wrong ends the measurement with its text.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_CLOSE = b"connection: close"
_CHUNKED = b"transfer-encoding: chunked"
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass
class Job:
    """So many seconds of these requests over so many connections.

    `requests` are sent in turn, and again from the first unless `is_once`: then the job ends with
    the last. `status` and `contains` are what each answer must have.
    """

    host: str
    port: int
    connections: int
    seconds: float
    requests: list[bytes]
    status: int
    contains: bytes = b""
    is_once: bool = False
    warm_up: float = 0.0


@dataclass
class Result:
    """How many answers came in how many seconds, and how long each took."""

    count: int = 0
    sent: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    problem: str = ""

    def summary(self) -> dict[str, Any]:
        """Give it as JSON; times in milliseconds."""
        ordered = sorted(self.took)
        return {
            "count": self.count,
            "sent": self.sent,
            "seconds": round(self.seconds, 3),
            "rate": round(self.count / self.seconds, 1) if self.seconds else 0.0,
            "mean_ms": round(1000 * sum(ordered) / len(ordered), 2) if ordered else None,
            **{f"p{share}_ms": _at(ordered, share) for share in (50, 95, 99)},
            "problem": self.problem,
        }


def _at(ordered: list[float], share: int) -> float | None:
    if not ordered:
        return None
    return round(1000 * ordered[share * (len(ordered) - 1) // 100], 2)


class _Client:
    """One connection with at most one request under way."""

    def __init__(self, job: Job, selector: selectors.BaseSelector) -> None:
        self._job, self._selector = job, selector
        self.sent_at = 0.0
        self.answer = b""
        self.is_closing = False
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection((self._job.host, self._job.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Hang up, if that is not done."""
        if self.socket.fileno() >= 0:
            self._selector.unregister(self.socket)
            self.socket.close()

    def send(self, request: bytes) -> None:
        """Begin the next request; what is asked fits into the socket's buffer."""
        self.answer = b""
        self.sent_at = time.perf_counter()
        if self.is_closing:
            # Other people's servers may keep no connection; ours all do.
            self.close()
            self._connect()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what there is; tell whether the answer is whole."""
        try:
            part = self.socket.recv(262_144)
        except BlockingIOError:
            return False
        if not part and self.is_closing and _LENGTH not in self.answer.lower():
            return True
        if not part:
            raise ConnectionError(f"closed within an answer: {self.answer[:200]!r}")
        self.answer = self.answer + part if self.answer else part
        end = self.answer.find(_HEAD_END)
        if end < 0:
            return False
        head = self.answer[:end].lower()
        self.is_closing = _CLOSE in head
        if _CHUNKED in head:
            return self.answer.endswith(_LAST_CHUNK)
        if self.is_closing and _LENGTH not in head:
            # The body ends with the connection.
            return False
        return len(self.answer) >= end + 4 + _content_length(head)


def _content_length(head: bytes) -> int:
    at = head.find(_LENGTH)
    if at < 0:
        # 204 and 304 have no body.
        return 0
    end = head.find(b"\r\n", at)
    return int(head[at + len(_LENGTH) : end if end >= 0 else None])


def run(job: Job) -> Result:
    """Measure one job."""
    result = Result()
    selector = selectors.DefaultSelector()
    wanted = min(job.connections, len(job.requests)) if job.is_once else job.connections
    clients = [_Client(job, selector) for _ in range(wanted)]
    requests = _in_turn(job)
    expected = b"HTTP/1.1 %d " % job.status
    begun = time.perf_counter()
    counted_from, end = begun + job.warm_up, begun + job.warm_up + job.seconds
    under_way = 0
    for client in clients:
        if (request := next(requests, None)) is not None:
            client.send(request)
            result.sent += 1
            under_way += 1
    while under_way and not result.problem:
        for key, _ in selector.select(timeout=30) or _silence():
            client = key.data
            if not client.receive():
                continue
            now = time.perf_counter()
            under_way -= 1
            if not client.answer.startswith(expected) or job.contains not in client.answer:
                result.problem = client.answer[:600].decode("utf-8", "replace")
                break
            # By when it was answered: who answers slowly would lose a whole turn of its clients.
            if counted_from <= now <= end:
                result.count += 1
                result.took.append(now - client.sent_at)
            if now < end and (request := next(requests, None)) is not None:
                client.send(request)
                result.sent += 1
                under_way += 1
            else:
                client.close()
    result.seconds = min(time.perf_counter(), end) - counted_from
    for client in clients:
        client.close()
    return result


def _in_turn(job: Job) -> Iterator[bytes]:
    while True:
        yield from job.requests
        if job.is_once:
            return


def _silence() -> list[Any]:
    raise TimeoutError("no answer for 30 s")


def main() -> None:
    """Do the jobs that are asked for, one after another, until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        asked["requests"] = [text.encode() for text in asked["requests"]]
        asked["contains"] = asked.get("contains", "").encode()
        try:
            result = run(Job(**asked))
        except (OSError, ValueError) as problem:
            result = Result(problem=f"{type(problem).__name__}: {problem}")
        print(json.dumps(result.summary()), flush=True)


if __name__ == "__main__":
    main()
