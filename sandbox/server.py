"""The HTTP server on loopback: keep-alive, one thread a connection, faults at the edge."""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from sandbox.app import App
from sandbox.config import Config, is_loopback_host
from sandbox.faults import Fault, take_fault
from sandbox.wire import Handler, Request, Response, as_json

# A document of 30 MB as base64, and what is around it.
MAX_BODY_BYTES = 44 * 1024 * 1024
GARBAGE = b"<html><body>upstream said something that is no JSON</body></html>"


class Server(ThreadingHTTPServer):
    """Serve one App."""

    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, *, config: Config) -> None:
        """Bind to loopback; raise ValueError for any other address, OSError when taken."""
        if not is_loopback_host(host=config.host):
            raise ValueError("the sandbox listens on loopback only")
        self.app = App(config=config)
        super().__init__((config.host, config.port), _Connection)
        self.app.start()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - theirs
        """Stay silent about clients that went away; print everything else."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, BrokenPipeError)):
            traceback.print_exc()

    def close(self) -> None:
        """Stop listening and working."""
        self.server_close()
        self.app.stop()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    server: Server

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            return
        found = self.server.app.find(method=request.method, path=request.path)
        if found is None:
            self._send(self.server.app.nothing_here(request))
            return
        system, route, request.refs = found
        fault = (
            take_fault(store=self.server.app.store, request=request, system=system)
            if route.is_api
            else None
        )
        if fault is None:
            self._send(_run(route.handler, request))
            return
        self._serve_faulty(fault, route.handler, request)

    def _serve_faulty(self, fault: Fault, handler: Handler, request: Request) -> None:
        if fault.action == "timeout_before_commit":
            self._stay_silent(fault.ms)
            return
        if fault.action == "reset":
            self._reset()
            return
        if fault.action.startswith("error_"):
            request.fail_with = fault.action
        if fault.action != "timeout_after_commit":
            request.delay_ms = fault.ms
        response = _run(handler, request)
        if fault.action == "timeout_after_commit":
            self._stay_silent(fault.ms)
        elif fault.action == "reset_after_commit":
            self._reset()
        elif fault.action == "garbage":
            self._send(Response(body=GARBAGE, headers={"Content-Type": "text/html"}))
        else:
            self._send(response)

    def _read(self) -> Request | None:
        host = self.headers.get("Host", "")
        # A page of another site must not reach the knobs through a name of its own.
        if host.rsplit(":", 1)[0] not in self.server.app.config.trusted_hosts:
            self._send(as_json({"error": f"unknown host {host!r}"}, status=421))
            return None
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(as_json({"error": "send a Content-Length"}, status=411))
            return None
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(as_json({"error": "body too large"}, status=413))
            return None
        body = self.rfile.read(int(length))
        path, _, query = self.path.partition("?")
        return Request(
            method=self.command,
            path=unquote(path),
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _stay_silent(self, ms: int) -> None:
        """Say nothing until the time is up or the client has gone."""
        deadline = time.monotonic() + ms / 1000
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.5))
            if readable:
                try:
                    gone = not self.connection.recv(1, socket.MSG_PEEK)
                except OSError:
                    gone = True
                if gone:
                    break
                time.sleep(min(left, 0.05))
        self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - theirs
        """Print one line a request, without the query, which may hold a client secret."""
        if not self.server.app.config.quiet and len(args) > 1:
            path = self.path.partition("?")[0]
            print(f"sandbox {self.command} {path} {args[1]}", file=sys.stderr, flush=True)

    def __getattr__(self, name: str) -> object:
        """Serve every method; http.server looks for `do_GET` and so on."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)


def _run(handler: Handler, request: Request) -> Response:
    try:
        return handler(request)
    except Exception:  # noqa: BLE001 - a fault of the sandbox itself must be seen, not hang
        traceback.print_exc()
        return as_json({"error": "the sandbox itself failed; see its log"}, status=500)
