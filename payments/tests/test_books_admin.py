"""Staff read the books and the differences; nobody writes them there."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bookings.tests.factories import NOW, book
from hmnp.accounts.tests.desk_door import open_desk
from payments.actions.settle_payment import settle_payment
from payments.books import LedgerEntry, Mismatch
from payments.comparison import Found
from payments.mismatches import record
from payments.states import MismatchKind
from payments.tests.driving import Stripe
from payments.tests.steps import open_for_booking, pay

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


def test_books_and_differences_are_read_and_never_written(stripe: Stripe, client: Client) -> None:
    open_desk(client, User.objects.create_superuser("auditor"))
    opened = open_for_booking(book())
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    record(found=Found(MismatchKind.MISSING_HERE, "intent:pi_x", "Why.", "cancel"), now=NOW)
    for name in ("ledgerentry", "mismatch"):
        page = client.get(f"/admin/payments/{name}/")
        assert page.status_code == 200
        assert client.get(f"/admin/payments/{name}/add/").status_code == 403
    assert b"$42.50" in client.get("/admin/payments/ledgerentry/").content
    told = client.get(f"/admin/payments/payment/{opened.payment.pk}/change/").content.decode()
    for words in ("$42.50, deposit, succeeded", "Succeeded", "Deposit", "amount captured"):
        assert words.lower() in told.lower()
    assert "SUCCEEDED" not in told
    open_ones = client.get("/admin/payments/mismatch/?resolved_at__isempty=1")
    assert b"pi_x" in open_ones.content
    entry, mismatch = LedgerEntry.objects.all()[0], Mismatch.objects.get()
    for path in (f"ledgerentry/{entry.pk}", f"mismatch/{mismatch.pk}"):
        assert client.get(f"/admin/payments/{path}/change/").status_code == 200
        assert client.post(f"/admin/payments/{path}/delete/").status_code == 403
