"""Page, API and admin show the same refund before the click, and whichever is clicked gives it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from bookings.links import manage_url
from bookings.models import Booking
from bookings.tests.browsing import text_of, values_of
from bookings.tests.callers import customer_of
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from payments.actions.record_offline_payment import record_offline_payment
from payments.models import Refund
from payments.states import PaymentMethod
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)


class _Doors:
    """One booking seen by its customer's browser, its customer's program, and the desk."""

    def __init__(self, booking: Booking) -> None:
        self.own, self.desk, self.program = Client(), Client(), customer_of(booking)
        link = urlsplit(manage_url(booking=booking))
        self.own.get(f"{link.path}?{link.query}")
        open_desk(self.desk, User.objects.create_superuser("owner", "owner@example.com", "x"))
        self.page = f"/manage/{booking.pk}/cancel"
        self.admin = f"/admin/bookings/booking/{booking.pk}/money/"
        self.api = f"/bookings/{booking.pk}"

    def shown_cents(self) -> dict[str, int]:
        """Give what each door says would go back."""
        preview = self.program.get(f"{self.api}/cancellation")
        assert preview.status_code == 200, preview.content
        assert preview["ETag"] == self.program.get(self.api)["ETag"]
        return {
            "page": int(values_of(self.own.get(self.page), "shown_refund")[0]),
            "api": round(preview.json()["refundAmount"] * 100),
            "admin": int(values_of(self.desk.get(self.admin), "shown_theirs")[0]),
        }

    def cancel_on_the_page(self, shown: int) -> None:
        self.own.post(self.page, {"shown_refund": str(shown)})

    def cancel_by_program(self, shown: int) -> None:
        answer = self.program.delete(self.api)
        assert round(answer.json()["cancellation"]["refundAmount"] * 100) == shown

    def cancel_at_the_desk(self, shown: int) -> None:
        sent = {"do": "cancel", "whose": "theirs", "reason": "asked by phone"}
        said = text_of(self.desk.post(self.admin, {**sent, "shown_theirs": shown}, follow=True))
        assert "The booking is cancelled." in said


@pytest.mark.parametrize(
    "click", [_Doors.cancel_on_the_page, _Doors.cancel_by_program, _Doors.cancel_at_the_desk]
)
@pytest.mark.parametrize(("hours_left", "cents"), [(25, 4250), (10, 2750), (1, 750)])
def test_the_same_cents_are_shown_everywhere_and_go_back(
    catalogue: Catalogue, hours_left: int, cents: int, click: Callable[[_Doors, int], None]
) -> None:
    a_notary()
    booking = book()
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=4250,
        method=PaymentMethod.CASH,
        note="",
        actor=STAFF,
        now=NOW,
    )
    with time_machine.travel(TUESDAY_10 - timedelta(hours=hours_left), tick=False):
        doors = _Doors(booking)
        shown = doors.shown_cents()
        assert shown == {"page": cents, "api": cents, "admin": cents}
        assert Booking.objects.get().status == "CONFIRMED", "looking cancels nothing"
        click(doors, cents)
    after = Booking.objects.get()
    assert (after.status, after.cancel_refund_cents) == ("CANCELLED", cents)
    assert Refund.objects.get().amount_cents == cents
