"""A real CalDAV server, Radicale, and a door before it where things go wrong on demand."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

USER, PASSWORD = "nora", "app-password"
_web = httpx.Client(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Radicale:
    """One server with one user; `door` is the address that the site is given."""

    folder: Path
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None
    # What the next request of a method meets at the door.
    fault: tuple[str, str] = ("", "")
    # Nothing is answered at the door until it is up again.
    is_down: bool = False
    met: int = 0
    _server: http.server.ThreadingHTTPServer | None = None

    def start(self) -> None:
        users = self.folder / "users"
        users.write_text(f"{USER}:{PASSWORD}\n")
        options = {
            "server-hosts": f"127.0.0.1:{self.port}",
            "auth-type": "htpasswd",
            "auth-htpasswd-filename": str(users),
            "auth-htpasswd-encryption": "plain",
            "auth-delay": "0",
            "storage-filesystem-folder": str(self.folder / "data"),
            "web-type": "none",
            "logging-level": "error",
        }
        command = [sys.executable, "-m", "radicale", "--config", ""]
        command += [part for name, value in options.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                _web.get(f"http://127.0.0.1:{self.port}/")
            except httpx.TransportError:
                assert time.monotonic() < deadline, "Radicale did not start"
                time.sleep(0.05)
            else:
                break
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _door_of(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        assert self.process is not None
        self._server.shutdown()
        self._server.server_close()
        self.process.terminate()
        self.process.wait(timeout=10)

    @property
    def door(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    # As the notary, past the door

    def ask(self, method: str, path: str, content: str = "", **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}/{USER}/{path}"
        return _web.request(
            method, url, content=content.encode(), headers=headers, auth=(USER, PASSWORD)
        )

    def make(self, calendar: str) -> None:
        """Make an empty calendar, whatever was there before."""
        self.ask("DELETE", f"{calendar}/")
        assert self.ask("MKCALENDAR", f"{calendar}/").status_code == 201

    def put(self, path: str, *lines: str) -> None:
        """Write an event of the notary's own; `lines` say when and how."""
        name = path.rpartition("/")[2]
        body = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//EN", "BEGIN:VEVENT"]
        body += [f"UID:{name}", "DTSTAMP:20261101T000000Z", "SUMMARY:Private", *lines]
        body += ["END:VEVENT", "END:VCALENDAR", ""]
        answer = self.ask("PUT", path, "\r\n".join(body), **{"Content-Type": "text/calendar"})
        assert answer.status_code in (201, 204), answer.text

    def objects(self, calendar: str) -> dict[str, str]:
        """Give what the calendar holds, by name."""
        listed = self.ask("PROPFIND", f"{calendar}/", Depth="1").text
        names = [part.partition("<")[0] for part in listed.split(f"/{calendar}/")[1:]]
        return {
            name: self.ask("GET", f"{calendar}/{name}").text
            for name in sorted(set(names))
            if name.endswith(".ics")
        }


def _door_of(radicale: Radicale) -> type[http.server.BaseHTTPRequestHandler]:
    class Door(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            radicale.met += 1
            if radicale.is_down:
                self._reset()
                return
            action, method = radicale.fault
            if method != self.command:
                action = ""
            else:
                radicale.fault = ("", "")
            if action == "delay":
                time.sleep(0.02)
            if action in ("error_500", "error_429", "error_507"):
                self._send(int(action[-3:]), b"no")
                return
            if action == "reset":
                self._reset()
                return
            if action == "timeout_before_commit":
                self._wait()
                return
            status, answer = self._forward(body)
            if action == "error_500_after_commit":
                self._send(500, b"no")
            elif action == "reset_after_commit":
                self._reset()
            elif action == "timeout_after_commit":
                self._wait()
            elif action == "garbage":
                self._send(207, b"<html>&nonsense;</html>")
            else:
                self._send(status, answer)

        def _forward(self, body: bytes) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", radicale.port, timeout=10)
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("host", "connection", "accept-encoding")
            }
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            found = answer.read()
            connection.close()
            return answer.status, found

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _reset(self) -> None:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()

        def _wait(self) -> None:
            """Say nothing until the client has gone."""
            self.close_connection = True
            self.connection.settimeout(5)
            with contextlib.suppress(OSError):
                self.connection.recv(1)

        def log_message(self, *args: Any) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._serve
            raise AttributeError(name)

    return Door
