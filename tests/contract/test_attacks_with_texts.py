"""Files, addresses and names that somebody sends stay what they are."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from bookings.models import Booking, BookingDocument
from bookings.notary_form import NotaryForm
from hmnp.core.public_addresses import is_public
from integrations import public_http
from integrations.caldav import client as caldav
from integrations.errors import ConnectorError
from tests.contract.attacks import BOOKINGS, PDF, World, bearer, browser, enter

pytestmark = pytest.mark.django_db

UPLOADS = {
    "a page that ends like a PDF": ("a.pdf", b"<html>%PDF-1.7 %%EOF", 400),
    "a script before the header": ("a.pdf", b"<script>evil</script>" + PDF, 400),
    "a picture": ("a.pdf", b"\x89PNG\r\n\x1a\n" + PDF, 400),
    "an archive": ("a.pdf", b"PK\x03\x04" + PDF, 400),
    "a drawing": ("a.svg", b"<svg onload=alert(1)>", 400),
    "a program": ("a.pdf", b"MZ" + PDF, 400),
    "nothing": ("a.pdf", b"", 400),
    "a path": ("../../etc/passwd", PDF, 201),
    "a Windows path": ("..\\..\\boot.ini.pdf", PDF, 201),
    "an absolute path": ("/etc/cron.d/x.pdf", PDF, 201),
    "written backwards": ("deed\u202efdp.exe", PDF, 201),
    "two endings": ("deed.pdf.html", PDF, 201),
    "two lines": ("a\r\nX-Evil: 1.pdf", PDF, 201),
    "markup": ("<img src=x onerror=alert(1)>.pdf", PDF, 201),
    "a page inside a PDF": ("a.html", PDF[:9] + b"<script>evil</script>" + PDF, 201),
    "a very long name": ("a" * 3000 + ".pdf", PDF, 201),
}


def test_an_upload_is_a_pdf_under_a_name_of_ours(world: World, settings: Settings) -> None:
    root = Path(settings.MEDIA_ROOT)
    client = browser()
    for what, (name, content, status) in UPLOADS.items():
        for kind in ("application/pdf", "text/html"):
            BookingDocument.objects.all().delete()
            sent = {"file": SimpleUploadedFile("x", content, content_type=kind)}
            sent["file"].name = name  # what no browser sends, a program may
            answer = client.post(
                f"{BOOKINGS}/{world.own.pk}/documents", sent, headers=bearer(world.own)
            )
            assert answer.status_code == status, (what, answer.content)
            if status != 201:
                continue
            shown = answer.json()["filename"]
            assert shown.endswith(".pdf"), what
            assert shown.isprintable(), what
            assert len(shown) <= 200, what
            assert not set("/\\\u202e\r\n") & set(shown), what
    for path in root.rglob("*"):
        if path.is_file():
            assert re.fullmatch(
                r"documents/[0-9a-f-]{36}/[0-9a-f-]{36}\.pdf", str(path.relative_to(root))
            )
    two = {"file": SimpleUploadedFile("a.pdf", PDF), "more": SimpleUploadedFile("b.pdf", PDF)}
    answer = client.post(f"{BOOKINGS}/{world.own.pk}/documents", two, headers=bearer(world.own))
    assert answer.status_code == 400


INSIDE = [
    *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0.0.0.0", "localhost"),  # noqa: S104 -- asked, not listened on
    *("169.254.169.254", "10.0.0.5", "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[fd00::1]", "[fe80::1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "255.255.255.255", "198.18.0.1"),
]


@pytest.fixture
def dav(settings: Settings) -> Iterator[Callable[[str], caldav.DavCalendar]]:
    """A calendar as production asks it."""
    settings.TYPED_ADDRESSES_MUST_BE_PUBLIC = True
    caldav._client.cache_clear()
    yield lambda url: caldav.DavCalendar(url=url, user="nora", password="canary-password")
    caldav._client.cache_clear()


def test_a_calendars_address_leads_nowhere_inside(
    dav: Callable[[str], caldav.DavCalendar], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def connect(_self: Any, host: str, *_rest: Any, **_more: Any) -> Any:
        asked.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    urls = [f"https://{host}/cal/" for host in INSIDE] + ["http://93.184.216.34/cal/"]
    for url in urls:
        with pytest.raises(ConnectorError, match=r"not public|is none") as refused:
            dav(url).state()
        assert refused.value.permanent, url
    assert asked == []
    for url in ("file:///etc/passwd", "gopher://127.0.0.1/", "https://"):
        with pytest.raises(ConnectorError):
            dav(url).state()
    with pytest.raises(ConnectorError, match="cannot be reached"):
        dav("https://93.184.216.34/cal/").state()
    assert asked == ["93.184.216.34"]
    settings.SANDBOX_URL = ""
    for url in urls:
        form = NotaryForm(
            {
                "calendar_kind": "caldav",
                "calendar_id": url,
                "calendar_user": "n",
                "calendar_password": "p",
            }
        )
        # A name, or a number only a resolver reads as an address, is judged when it is asked.
        if not re.search(r"//(0x|\d+/)", url):
            assert "calendar_id" in form.errors, url


def test_a_name_is_judged_by_all_it_leads_to_and_asked_where_it_was_judged(
    dav: Callable[[str], caldav.DavCalendar], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    asked: list[str] = []
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_args, **_kwargs: [(2, 1, 6, "", (one, 443)) for one in answers],
    )

    def connect(_self: Any, host: str, *_rest: Any, **_more: Any) -> Any:
        asked.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    answers[:] = ["93.184.216.34", "10.0.0.5"]
    with pytest.raises(ConnectorError, match="not public"):
        dav("https://dav.example.com/").state()
    answers[:] = ["93.184.216.34"]
    with pytest.raises(ConnectorError, match="cannot be reached"):
        dav("https://dav.example.com/").state()
    assert asked == ["93.184.216.34"], "the address that was judged, not the name again"
    client = public_http.new_client()
    assert client.follow_redirects is False
    assert client.trust_env is False
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")
    assert not is_public("dav.example.com")
    assert isinstance(client._transport, httpx.HTTPTransport)


def test_a_name_is_text_in_files_and_mails(world: World) -> None:
    """No line of a calendar file begins with what somebody typed."""
    nasty = "1\nBEGIN:VALARM\nATTENDEE:a@evil.ex;,\\"
    Booking.objects.filter(pk=world.other.pk).update(
        customer_name='=HYPERLINK("http://evil.example")',
        street=nasty,
        unit=nasty,
        city=nasty,
        special_instructions=nasty,
        status="CONFIRMED",
    )
    own = browser().get(f"{BOOKINGS}/{world.other.pk}/calendar.ics", headers=bearer(world.other))
    feed = browser().get(f"/calendar/{world.other.notary.feed_secret}.ics")  # type: ignore[union-attr]  # it has one
    for answer in (own, feed):
        assert answer.status_code == 200
        lines = answer.content.decode().replace("\r\n ", "").split("\r\n")
        assert "BEGIN:VEVENT" in lines
        assert not [line for line in lines if re.match(r"(BEGIN:VALARM|ATTENDEE)", line)]
        assert answer["Content-Type"].startswith("text/calendar")
    typed = ("=1+1", "+1", "-1", "@SUM(A1)", "<b>x</b>", "{{1111*1111}}", "'; DROP TABLE x; --")
    world.other.refresh_from_db()
    client = browser()
    enter(client, world.other)
    for text in typed:
        Booking.objects.filter(pk=world.other.pk).update(customer_name=text, street=text, city="x")
        shown = client.get(f"/manage/{world.other.pk}").content.decode()
        assert "<b>x</b>" not in shown
        assert "1234321" not in shown
