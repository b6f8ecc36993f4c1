"""A remote session from the first document to the record, and one that has to end in person."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.site import HOUSTON, Json, Site, until
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def _file(name: str, content: bytes = PDF) -> FilePayload:
    return FilePayload(name=name, mimeType="application/pdf", buffer=content)


def _book(site: Site, email: str, number: int) -> Json:
    """Book a session at one of the free times of the coming days."""
    start = site.starts("ron", first_day=3)[number]
    return site.book("ron", start=start, email=email)


def _open(page: Page, site: Site, booking: Json) -> None:
    mail = site.mail(booking["customer"]["email"], subject=booking["reference"])
    page.goto(site.manage_link(mail))


def _session_is(site: Site, booking: Json, status: str) -> None:
    def find() -> bool:
        return (site.booking(booking["id"])["ronSession"] or {}).get("status") == status

    until(find, f"the session is {status}")


def _play(site: Site, booking: Json, step: str) -> None:
    path = f"/_sandbox/proof/transactions/{booking['id']}/{step}"
    site.sandbox.post(path, json={"force": True}).raise_for_status()


def _prepare(page: Page, site: Site, booking: Json) -> None:
    """Send a document and name who signs, from the booking's page."""
    page.get_by_role("link", name="Send documents and signers").click()
    page.get_by_label("Add PDF files").set_input_files([_file("deed.pdf")])
    page.get_by_role("button", name="Send the files").click()
    expect(page.get_by_role("heading", name="Your documents have arrived.")).to_be_visible()
    page.get_by_label("Signer 1: name").fill("Ana María Ruiz")
    page.get_by_role("button", name="Save the signers").click()
    expect(page.get_by_role("heading", name="Everything is here")).to_be_visible()
    _session_is(site, booking, "ready")


def test_a_session_is_prepared_held_and_kept(visitor: Visitor, site: Site, email: str) -> None:
    page = visitor.page
    booking = _book(site, email, 4)
    _open(page, site, booking)
    expect(page.get_by_role("heading", name="We still need for your session")).to_be_visible()
    visitor.look("manage-session-missing")
    page.get_by_role("link", name="Send documents and signers").click()
    visitor.look("session-missing")
    page.get_by_label("Add PDF files").set_input_files([_file("holiday.pdf", b"JFIF")])
    page.get_by_role("button", name="Send the files").click()
    expect(page.get_by_role("alert")).to_contain_text("holiday.pdf: This is not a PDF document.")
    visitor.look("session-wrong")
    page.get_by_role("link", name="Your booking").click()
    _prepare(page, site, booking)
    visitor.look("session-ready")
    page.get_by_role("link", name="Your booking").click()
    expect(page.get_by_role("link", name="Join the video session")).to_be_visible()
    visitor.look("manage-session-ready")
    _play(site, booking, "start")
    _session_is(site, booking, "in_progress")
    _play(site, booking, "complete")
    _session_is(site, booking, "completed")
    done = until(
        lambda: site.booking(booking["id"])["status"] == "COMPLETED", "the booking is completed"
    )
    assert done
    kept = """
        SELECT count(*) FROM integrations_externalref
        WHERE booking_id = %s AND kind IN ('record', 'recording')
    """
    until(lambda: site.rows(kept, booking["id"])[0][0] == 2, "record and recording are kept")


@pytest.mark.night
def test_who_fails_the_identity_check_meets_the_notary_in_person(
    phone_user: Visitor, site: Site, email: str
) -> None:
    page = phone_user.page
    booking = _book(site, email, 8)
    _open(page, site, booking)
    _prepare(page, site, booking)
    _play(site, booking, "fail_kba")
    _session_is(site, booking, "identity_failed")
    site.mail(email, subject="The online identity check did not work")
    page.get_by_role("link", name="Your booking").click()
    phone_user.look("manage-identity-failed")
    page.get_by_role("link", name="Meet a notary in person").click()
    page.get_by_label("ZIP code").fill("77573")
    page.get_by_label("Appointment").select_option("extended-hours")
    page.get_by_role("button", name="Show free times").click()
    day = (datetime.now(tz=HOUSTON) + timedelta(days=6)).date()
    page.goto(f"{page.url.partition('#')[0]}&day={day.isoformat()}")
    phone_user.look("in-person-times")
    page.get_by_role("radio").nth(2).check(force=True)
    page.get_by_role("button", name="See the price of this time").click()
    phone_user.look("in-person-price")
    page.get_by_label("Street and number").fill("2500 Marina Bay Drive")
    page.get_by_label("City").fill("League City")
    page.get_by_role("button", name="Book this appointment").click()
    expect(page.get_by_role("heading", name="You are booked in person")).to_be_visible()
    phone_user.look("manage-in-person")
    turned = site.booking(booking["id"])
    assert (turned["service"]["slug"], turned["status"]) == ("extended-hours", "CONFIRMED")
    assert turned["amountPaid"] == 35.0
    assert turned["balanceDue"] == turned["pricing"]["finalPrice"] - 35.0
    until(
        lambda: (
            {
                one["detailed_status"]
                for one in site.ledger()["proof_transactions"]
                if one["external_id"] == booking["id"]
            }
            == {"recalled"}
        ),
        "the session is taken back",
    )
