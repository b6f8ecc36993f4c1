"""A case in a person's hands, and two persons' hands on one button."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from bookings.models import Booking
from bookings.tests.browsing import text_of
from bookings.tests.factories import STAFF, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.desk.models import Case, CaseDeed
from hmnp.desk.tests.test_every_repair import a_failed_refund
from payments.models import Refund
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed appointment."""
    a_notary()
    return book(actor=STAFF)


@pytest.fixture
def owner() -> User:
    return User.objects.create_superuser("dana", first_name="Dana")


@pytest.fixture
def desk(client: Client, owner: User) -> Client:
    open_desk(client, owner)
    return client


def at(case: Case) -> str:
    """Name a case's page."""
    return f"/admin/desk/case/{case.pk}/change/"


def press(desk: Client, case: Case, do: str, **more: str) -> str:
    """Send one of its forms; give what the page then says."""
    return text_of(desk.post(at(case), {"do": do, **more}, follow=True))


def opened(kind: CaseKind, booking: Booking, **more: Any) -> Case:
    """Open a case as the floor that owns the trouble would."""
    facts = {"key": uuid4().hex, "subject": f"booking:{booking.pk}", "repair": "", **more}
    transactions.run(
        lambda: open_case(kind=kind, summary="Something.", booking_id=booking.pk, **facts)
    )
    return Case.objects.get(kind=kind.value)


def test_a_failed_refund_is_sent_again_once_though_two_press_at_once(
    owner: User, catalogue: Catalogue
) -> None:
    a_notary()
    a_failed_refund(None)
    failed = Refund.objects.get()
    case = Case.objects.get(kind="REFUND_FAILED")
    barrier = Barrier(2)
    browsers = [Client(), Client()]
    for browser in browsers:
        open_desk(browser, owner)

    def press_it(browser: Client) -> None:
        barrier.wait()
        try:
            browser.post(at(case), {"do": "again"})
        finally:
            connection.close()

    threads = [Thread(target=press_it, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Refund.objects.filter(reason_key=f"again-{failed.pk}").count() == 1
    assert CaseDeed.objects.filter(deed="REPAIRED").count() == 1
    case.refresh_from_db()
    assert case.closed_how == "Sent again."


def test_it_is_taken_given_back_and_closed_and_all_of_it_is_kept(
    desk: Client, owner: User, booking: Booking
) -> None:
    case = opened(CaseKind.CALENDAR_CLASH, booking, repair="ask_notary")
    assert "not in your hands" in press(desk, case, "give_back")
    press(desk, case, "take")
    assert "It is in nobody's hands" in press(desk, case, "give_back")
    press(desk, case, "take")
    press(desk, case, "close", how="Amy drives round")
    said = text_of(desk.get(at(case)))
    assert "Taken by Dana" in said
    assert "Closed by Dana Amy drives round" in said
    deeds = list(CaseDeed.objects.values_list("deed", flat=True))
    assert deeds == ["TAKEN", "GIVEN_BACK", "TAKEN", "CLOSED"]
    assert set(CaseDeed.objects.values_list("user", flat=True)) == {owner.pk}
