"""What connectors hear of every way an HTTP call can go wrong, over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from integrations.errors import ConnectorError
from integrations.http import Api
from integrations.states import Destination

_SHORT = httpx.Timeout(0.3)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    reply: tuple[int, bytes, dict[str, str]] | str = (200, b"{}", {})
    seen: list[tuple[str, str, bytes]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, body))
        if self.server.reply == "hang":
            threading.Event().wait(1.0)
            return
        if self.server.reply == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
            return
        assert isinstance(self.server.reply, tuple)
        status, content, headers = self.server.reply
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def __getattr__(self, name: str) -> object:
        """Serve every method; http.server looks for `do_GET` and so on."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- theirs
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    """A web server that answers as it is told."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def call(server: _Server) -> Callable[..., Any]:
    """Call the server, which then answers with `reply`."""
    port = server.server_address[1]
    api = Api(destination=Destination.PROOF, base_url=f"http://127.0.0.1:{port}", timeout=_SHORT)

    def call(reply: Any, method: str = "POST", **options: Any) -> Any:
        server.reply = reply
        return api.call(method, "/things", **options)

    return call


def _error(call: Callable[..., Any], reply: Any, method: str = "POST") -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        call(reply, method)
    return caught.value


def test_an_object_is_given_as_it_is_and_anything_else_wrapped(
    call: Callable[..., Any], server: _Server
) -> None:
    assert call((200, b'{"id": "a"}', {}), json={"x": 1}) == {"id": "a"}
    assert server.seen[-1] == ("POST", "/things", b'{"x":1}')
    assert call((201, b"[1]", {})) == {"data": [1]}
    assert call((200, b"", {})) == {}
    assert call((404, b"{}", {}), absent=(404,)) is None


@pytest.mark.parametrize(
    ("reply", "unknown_after_post"),
    [("hang", True), ("cut", True), ((200, b"<html>", {}), True), ((503, b"", {}), True)],
    ids=["hangs", "cut off", "garbage", "503"],
)
def test_trouble_is_tried_again_and_only_a_get_is_surely_undone(
    call: Callable[..., Any], reply: Any, unknown_after_post: bool
) -> None:
    posted, got = _error(call, reply), _error(call, reply, "GET")
    assert (posted.permanent, posted.is_outcome_unknown) == (False, unknown_after_post)
    assert (got.permanent, got.is_outcome_unknown) == (False, False)


@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [(400, True), (403, True), (404, True), (422, True), (409, False), (301, True)],
)
def test_a_refusal_is_final_unless_it_passes_by_itself(
    call: Callable[..., Any], status: int, is_permanent: bool
) -> None:
    error = _error(call, (status, b'{"message": "no such thing"}', {}))
    assert error.permanent is is_permanent
    assert not error.is_outcome_unknown
    assert error.status == status


def test_refused_credentials_and_full_houses_are_told_apart(call: Callable[..., Any]) -> None:
    assert _error(call, (401, b"{}", {})).are_credentials_refused
    limited = _error(call, (429, b"{}", {"Retry-After": "7"}))
    assert (limited.permanent, limited.retry_after) == (False, timedelta(seconds=7))
    assert _error(call, (429, b"{}", {"Retry-After": "soon"})).retry_after is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "phone +1 713-555-0199 of jo@example.com is taken"}',
        b'{"errors": ["jo@example.com: bad", "7135550199"]}',
        b'{"error": {"message": "jo@example.com 713 555 0199"}}',
    ],
)
def test_what_they_say_is_passed_on_without_anybodys_data(
    call: Callable[..., Any], body: bytes
) -> None:
    reason = _error(call, (422, body, {})).reason
    assert reason.startswith("answered 422: ")
    assert "jo@" not in reason
    assert "555" not in reason


def test_nobody_there_is_tried_again_and_surely_undone() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = Api(destination=Destination.PROOF, base_url=f"http://127.0.0.1:{port}", timeout=_SHORT)
    with pytest.raises(ConnectorError) as caught:
        api.call("POST", "/things", json={})
    assert (caught.value.permanent, caught.value.is_outcome_unknown) == (False, False)
    assert "cannot be reached" in caught.value.reason
