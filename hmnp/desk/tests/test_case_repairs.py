"""Each case's suggested repair is a button that makes it, once, and what was done stays."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from bookings.actions.cancel_booking import cancel_booking
from bookings.models import Booking
from bookings.tests.browsing import text_of
from bookings.tests.factories import NOW, STAFF, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.desk import wording
from hmnp.desk.case_ways import ways_for
from hmnp.desk.models import Case, CaseDeed
from hmnp.desk.repairs import repairs_for
from integrations import destinations
from integrations.models import OutboxJob
from integrations.states import Destination
from integrations.tests.test_outbox import claim, fail, message
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.refund_payment import refund_payment
from payments.models import Payment, Refund
from payments.refund_cases import open_refund_case
from payments.states import PaymentMethod
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


def failed_refund(booking: Booking) -> Refund:
    """A refund to a card that the bank did not take, and its case."""
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=8500,
        method=PaymentMethod.CASH,
        note="",
        actor=STAFF,
        now=NOW,
    )
    Payment.objects.update(method="CARD")
    refund = refund_payment(
        payment_id=Payment.objects.get().pk, amount_cents=1000, reason="late", actor=STAFF, now=NOW
    )
    Refund.objects.update(status="FAILED", last_error="expired_card")
    refund.refresh_from_db()
    transactions.run(lambda: open_refund_case(refund=refund, booking_id=booking.pk))
    return refund


def test_a_dead_job_is_tried_again_and_the_case_closes_itself(
    desk: Client, booking: Booking
) -> None:
    OutboxJob.objects.all().delete()
    job = message(booking)
    assert fail(claim(job), permanent=True)
    case = Case.objects.get(kind="INTEGRATION_DEAD")
    assert "Try it again" in text_of(desk.get("/admin/desk/case/"))
    assert "Tried again." in press(desk, case, "replay")
    assert OutboxJob.objects.get(pk=job.pk).state == "READY"
    case.refresh_from_db()
    assert case.closed_how == "it is tried again"
    assert "closed this case already" in press(desk, case, "replay")
    assert CaseDeed.objects.get().words == "Tried again."


def test_a_paused_system_is_resumed(desk: Client, booking: Booking) -> None:
    destinations.pause(destination=Destination.GHL, by=destinations.SYSTEM, reason="401")
    case = Case.objects.get()
    assert "Resumed." in press(desk, case, "resume")
    assert not destinations.is_shut(destination=Destination.GHL)


def test_a_failed_refund_is_sent_again_once_though_two_press_at_once(
    owner: User, booking: Booking
) -> None:
    failed = failed_refund(booking)
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


def test_cash_is_recorded_as_given_back_only_with_a_word(desk: Client, booking: Booking) -> None:
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=8500,
        method=PaymentMethod.CASH,
        note="",
        actor=STAFF,
        now=NOW,
    )
    cancel_booking(booking_id=booking.pk, reason="x", actor=STAFF, now=NOW, by_us=True)
    case = Case.objects.get(kind="REFUND_NOT_COVERED")
    assert "Say this too" in press(desk, case, "hand", words=" ")
    assert Refund.objects.get().status != "SUCCEEDED"
    assert "Given back by hand: at the office" in press(desk, case, "hand", words="at the office")
    assert Refund.objects.get().status == "SUCCEEDED"


def test_what_was_changed_outside_is_put_back_and_said_so(desk: Client, booking: Booking) -> None:
    OutboxJob.objects.all().delete()
    case = opened(
        CaseKind.OUTSIDE_CHANGE, booking, repair="resync", system=Destination.GOOGLE_CALENDAR.value
    )
    page = text_of(desk.get(at(case)))
    for part in ("Put it back as the booking says", "Move the booking", "Cancel the booking"):
        assert part in page
    press(desk, case, "resync")
    assert OutboxJob.objects.filter(destination="google_calendar", kind="SYNC").count() == 1
    case.refresh_from_db()
    assert case.closed_how.startswith("Put back")
    assert case.closed_by is not None


def test_a_lost_dispute_sends_a_link_or_leads_to_the_cancellation(
    desk: Client, booking: Booking
) -> None:
    case = opened(CaseKind.DISPUTE, booking, key="dispute:x:lost", repair="cancel_or_collect")
    assert "Cancel the booking" in text_of(desk.get(at(case)))
    assert "is sent a link" in press(desk, case, "pay-link")
    assert OutboxJob.objects.filter(message_kind="pay_link").count() == 1
    case.refresh_from_db()
    assert case.closed_at is None


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


def test_a_repair_is_for_whom_its_action_is(client: Client, booking: Booking) -> None:
    failed_refund(booking)
    case = Case.objects.get(kind="REFUND_FAILED")
    user = User.objects.create_user("vic", is_staff=True)
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_case", "change_case", "view_booking"])
    )
    open_desk(client, user)
    assert "Send the refund again" not in text_of(client.get(at(case)))
    assert client.post(at(case), {"do": "again"}).status_code == 404
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("kind", list(CaseKind))
def test_every_kind_has_its_repair_its_way_or_its_words(booking: Booking, kind: CaseKind) -> None:
    case = Case(kind=kind.value, key="k", subject="s:1", booking_id=booking.pk, opened_at=NOW)
    ways = [way for way in ways_for(case) if way.url]
    assert repairs_for(case) or ways or wording.repair_in_words("", kind=kind.value)
    assert wording.kind_in_words(kind.value)
