"""People with a browser: staff at the money page, and a customer who was mailed a choice."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from hmnp.dev.totp import code_of, secret_in
from tests.faults.flows import Flow
from tests.faults.site import PATIENCE_SECONDS, Site

# Of `load_demo`.
STAFF = {"login": "staff", "password": "houston-demo-2026"}
SECOND_STEP = "/accounts/2fa/authenticate/"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass
class Visitor:
    """A browser that sends a form again when the answer was lost."""

    site: Site
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            base_url=self.site.live.base_url, timeout=40, follow_redirects=True
        )

    def get(self, path: str) -> httpx.Response:
        """Read a page."""
        return self._until_answered("GET", path, None)

    def send(self, path: str, **form: str) -> httpx.Response:
        """Load the page, fill the form in and send it."""
        token = _TOKEN.search(self.get(path).text)
        assert token is not None, path
        return self._until_answered("POST", path, {**form, "csrfmiddlewaretoken": token[1]})

    def _until_answered(
        self, method: str, path: str, form: dict[str, str] | None
    ) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.http.request(method, path, data=form)
            except httpx.TransportError:
                self.site.revive()
                time.sleep(0.1)
                continue
            assert answer.status_code < 500, answer.text
            return answer
        raise AssertionError(f"{method} {path} got no answer")


_signed_in: dict[str, Visitor] = {}
_signing_in = threading.Lock()


def staff(site: Site) -> Visitor:
    """Give the browser that is signed in at the desk: one for all, as no code is good twice."""
    with _signing_in:
        address = site.live.base_url
        if address not in _signed_in:
            _signed_in[address] = _sign_in(site)
        return _signed_in[address]


def _sign_in(site: Site) -> Visitor:
    """Sign in; a code that another session used up is followed by the next one."""
    visitor = Visitor(site)
    answer = visitor.send("/accounts/login/", **STAFF)
    secret = secret_in(site.live.folder / "logins.txt")
    for steps in (-1, 0, 1):
        if answer.url.path == SECOND_STEP:
            answer = visitor.send(SECOND_STEP, code=code_of(secret, at=time.time(), steps=steps))
    assert answer.url.path == "/admin/", answer.text
    return visitor


def money_page(flow: Flow) -> str:
    """Name the page of a booking's money."""
    return f"/admin/bookings/booking/{flow.made['booking']['id']}/money/"


def mailed(flow: Flow) -> Visitor:
    """Open the choice that a customer was mailed, by its link."""
    visitor = Visitor(flow.site)
    answer = flow.site.sandbox.get("/_sandbox/mails", params={"to": flow.email})
    for mail in answer.json()["data"]:
        if mail["metadata"].get("message") == "late_choice":
            link = re.search(r"http://\S+/manage/\S+next=late", mail["text"])
            assert link is not None, mail["text"]
            url = urlsplit(link[0])
            visitor.get(f"{url.path}?{url.query}")
            return visitor
    raise AssertionError(f"{flow.name} was mailed no choice")
