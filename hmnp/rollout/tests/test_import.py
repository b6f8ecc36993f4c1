"""V1's data taken over: all of it, once, with its money, its times and its dirt."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Notary, SlotClaim
from bookings.tests.factories import a_notary
from bookings.waiting_places import is_waiting_place
from hmnp.core.invariants import all_invariants, find_breaches
from hmnp.desk.models import Case
from hmnp.rollout.generated_export import write_export
from hmnp.rollout.importing import booking_chunks
from hmnp.rollout.models import V1Row
from hmnp.rollout.tests.v1 import at, iso, v1_row
from integrations import reminders
from integrations.models import ExternalRef, OutboxJob
from payments.actions.import_payments import FormerPayment, import_payments
from payments.books import LedgerEntry
from payments.comparison import Found, judge_intent, judge_refund
from payments.ledger_sums import sums_of_payments
from payments.models import Payment, Refund
from payments.provider import Intent, IntentStatus, ProviderRefund
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


def the_import(path: Path, **options: Any) -> None:
    call_command("import_v1", str(path), stripe_is_not_shared=True, **options)


def everything() -> dict[str, list[Any]]:
    """Give what an import writes, in an order that is the same every time."""
    models = (Booking, SlotClaim, Payment, Refund, LedgerEntry, ExternalRef, V1Row, Notary, Case)
    return {
        model.__name__: sorted(
            tuple(sorted((k, str(v)) for k, v in row.items())) for row in model.objects.values()
        )
        for model in models
    }


def breaches() -> list[str]:
    with connection.cursor() as cursor:
        found = find_breaches(cursor=cursor, invariants=all_invariants())
    return [f"{one.code} {one.name}: {one.subject} {one.detail}" for one in found]


def test_a_dirty_export_comes_over_whole_and_the_second_time_changes_nothing(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_notary(home_zip="77573")
    a_notary(home_zip="77058", skills=["ron", "standard-notary"])
    export = tmp_path / "v1.jsonl"
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    with export.open("w") as file:
        dirt = write_export(file=file, bookings=400, seed=7, now=now)
    assert len(dirt) > 15
    the_import(export)
    said = capsys.readouterr().out
    assert "Counts and money agree." in said
    first = everything()
    ended = V1Row.objects.values_list("state", flat=True)
    assert set(ended) == {"IMPORTED", "MERGED", "REJECTED"}
    assert OutboxJob.objects.count() == 0
    assert breaches() == []
    the_import(export)
    assert everything() == first


def lines(path: Path, *rows: tuple[str, dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps({"table": t, "row": row}) + "\n" for t, row in rows))
    return path


def test_each_kind_of_dirt_has_its_fate_and_reason(catalogue: Catalogue, tmp_path: Path) -> None:
    notary = a_notary(home_zip="77573")
    paid = {"bookingId": "cm_paid", "amount": "25.00", "status": "COMPLETED", "provider": "STRIPE"}
    export = lines(
        tmp_path / "v1.jsonl",
        ("Booking", v1_row("cm_paid", customerEmail=" BO@Example.com", ghlContactId="mock_1")),
        ("Payment", {"id": "p1", **paid, "paymentIntentId": "cs_live_1"}),
        # A second click of the same customer, unpaid; and somebody else at the same time.
        ("Booking", v1_row("bk_twice", status="PAYMENT_PENDING", customerEmail="bo@example.com")),
        ("Booking", v1_row("bk_other", customerEmail="cy@example.com", ghlContactId="ghl1")),
        ("Booking", v1_row("bk_nowhen", scheduledDateTime=None)),
        ("Booking", v1_row("bk_nobody", customerEmail=None, scheduledDateTime=iso(at(14)))),
        ("Booking", v1_row("bk_word", status="SUPERSEDED")),
        ("Booking", v1_row("bk_service", serviceId="gone")),
        ("Payment", {"id": "p2", **paid, "amount": "0"}),
        ("Payment", {"id": "p3", **paid, "bookingId": "bk_word"}),
        ("Payment", {"id": "p4", **paid, "bookingId": "never"}),
        ("AuditLog", {"id": "1"}),
    )
    with export.open("a") as file:
        file.write("not json\n")
    the_import(export)
    fates = {kept.v1_id: (kept.state, kept.reason) for kept in V1Row.objects.all()}
    assert fates == {
        "cm_paid": ("IMPORTED", ""),
        "p1": ("IMPORTED", ""),
        "bk_twice": ("MERGED", "the same customer, service and time as another booking"),
        "bk_other": ("IMPORTED", ""),
        "bk_nowhen": ("REJECTED", "the appointment has no time"),
        "bk_nobody": ("IMPORTED", "V1 kept no usable e-mail address"),
        "bk_word": ("REJECTED", "status 'SUPERSEDED' is none of V1's"),
        "bk_service": ("REJECTED", "its service 'gone' is unknown"),
        "p2": ("REJECTED", "the amount is not above 0"),
        "p3": ("REJECTED", "its booking was refused"),
        "p4": ("REJECTED", "its booking is not here"),
    }
    refused = (tmp_path / "v1.rejects.jsonl").read_text().splitlines()
    assert len(refused) == 7
    assert json.loads(refused[0])["reason"] == "v1.jsonl:13: no JSON"
    first = Booking.objects.get(customer_email="bo@example.com")
    assert (first.notary_id, first.amount_paid_cents) == (notary.pk, 2500)
    # V1's session is no intent: kept as what it is, and nothing Stripe could be asked about.
    payment = Payment.objects.get()
    assert (payment.method, payment.provider_intent_id) == ("FORMER", None)
    refs = set(ExternalRef.objects.values_list("system", "kind", "external_id"))
    assert refs == {("stripe", "checkout_session", "cs_live_1"), ("ghl", "contact", "ghl1")}
    other = Booking.objects.select_related("notary").get(customer_email="cy@example.com")
    assert other.notary is not None
    assert is_waiting_place(other.notary)
    cases = set(Case.objects.values_list("kind", "repair", "booking_id"))
    nobody = Booking.objects.get(customer_email__endswith="@v1.invalid")
    assert cases == {
        ("V1_CONFLICT", "assign_or_move", other.pk),
        ("V1_IMPORT", "correct_contact", nobody.pk),
    }
    assert breaches() == []


def test_stripe_finds_v1s_money_and_what_v1_gave_back_known_here(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    a_notary(home_zip="77573")
    money = {"id": "p", "bookingId": "a", "amount": "25", "paymentIntentId": "pi_v1"}
    given = {**money, "status": "PARTIALLY_REFUNDED", "refundedAmount": "10"}
    the_import(lines(tmp_path / "v1.jsonl", ("Booking", v1_row("a")), ("Payment", given)))
    payment = Payment.objects.get()
    assert (payment.method, payment.amount_captured_cents) == ("CARD", 2500)
    intent = Intent(
        id="pi_v1",
        status=IntentStatus.SUCCEEDED,
        amount_cents=2500,
        amount_received_cents=2500,
        currency=payment.currency,
        client_secret="",
        decline_code="",
        attempt_id="",
        metadata={},
    )
    booked = sums_of_payments(payment_ids=[payment.pk])[payment.pk]
    assert (booked.paid_cents, booked.refunded_cents) == (2500, 1000)
    looked = judge_intent(intent_id="pi_v1", intent=intent, payment=payment, booked=booked)
    assert looked is None

    def refund(cents: int) -> Found | None:
        found = ProviderRefund("re_1", "pi_v1", "succeeded", cents, "", {})
        return judge_refund(provider_refund_id="re_1", found=found, refund=None, payment=payment)

    assert refund(1000) is None
    # More than V1 says it gave back is somebody else's doing.
    assert getattr(refund(1500), "kind", None) == "REFUND_UNKNOWN"


def test_killed_between_two_steps_it_goes_on_where_it_was(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_notary(home_zip="77573")
    export = tmp_path / "v1.jsonl"
    with export.open("w") as file:
        write_export(file=file, bookings=120, seed=3, now=timezone.now())
    monkeypatch.setattr(booking_chunks, "CHUNK", 20)
    steps = 0

    def dies(*, payments: Sequence[FormerPayment]) -> None:
        nonlocal steps
        steps += 1
        import_payments(payments=payments)
        if steps == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(booking_chunks, "import_payments", dies)
    with pytest.raises(KeyboardInterrupt):
        the_import(export)
    assert 0 < V1Row.objects.filter(table="Booking", state="PENDING").count() < 120
    the_import(export)
    assert not V1Row.objects.filter(state="PENDING").exists()
    taken = V1Row.objects.filter(table="Booking", state="IMPORTED").count()
    assert Booking.objects.count() == taken > 100
    assert breaches() == []


def test_a_rehearsal_tells_the_same_and_writes_nothing(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = lines(
        tmp_path / "v1.jsonl",
        ("Booking", v1_row("a")),
        ("Booking", v1_row("b", scheduledDateTime="never")),
        ("Payment", {"id": "p", "bookingId": "a", "amount": "25", "status": "COMPLETED"}),
    )
    the_import(export, dry_run=True)
    said = capsys.readouterr().out
    assert "bookings that would be taken over: 1" in said
    assert "money: $25.00 paid, $0.00 given back" in said
    assert "the appointment has no time one can read" in said
    assert V1Row.objects.count() == Booking.objects.count() == 0


def test_it_refuses_while_stripe_would_give_v1s_charges_back(tmp_path: Path) -> None:
    export = lines(tmp_path / "v1.jsonl")
    with pytest.raises(CommandError, match="STRIPE_REFUND_UNKNOWN_CHARGES=0"):
        call_command("import_v1", str(export))
    with pytest.raises(CommandError, match="no file"):
        call_command("import_v1", str(tmp_path / "nowhere"), stripe_is_not_shared=True)


@pytest.mark.django_db(transaction=True)
def test_v1s_own_database_is_read_as_an_export_is(catalogue: Catalogue) -> None:
    a_notary(home_zip="77573")
    schema = connection.settings_dict
    url = psycopg.conninfo.make_conninfo(
        host=schema["HOST"],
        port=schema["PORT"],
        dbname=schema["NAME"],
        user=schema["USER"],
        password=schema["PASSWORD"],
    )
    with psycopg.connect(url, autocommit=True) as v1:
        v1.execute("DROP SCHEMA IF EXISTS v1 CASCADE; CREATE SCHEMA v1; SET search_path = v1")
        try:
            v1.execute(
                """
                CREATE TABLE "User" (id text, name text, email text);
                CREATE TABLE notary_profiles (id text, user_id text, base_zip text,
                    onboarding_status text);
                CREATE TABLE "Service" (id text, name text, "serviceType" text,
                    "durationMinutes" int, "basePrice" numeric(10, 2));
                CREATE TABLE "Booking" (id text, "serviceId" text, "scheduledDateTime" timestamp(3),
                    status text, "priceAtBooking" numeric(10, 2), "customerName" text,
                    "customerEmail" text, "addressZip" text, "notaryId" text,
                    "createdAt" timestamp(3));
                CREATE TABLE "Payment" (id text, "bookingId" text, amount numeric(10, 2),
                    status text, "paymentIntentId" text, "createdAt" timestamp(3));
                INSERT INTO "User" VALUES ('u1', 'Nora Notary', 'nora@example.com');
                INSERT INTO notary_profiles VALUES ('n1', 'u1', '77058', 'COMPLETED');
                INSERT INTO "Service" VALUES ('s1', 'Standard', 'STANDARD_NOTARY', 60, 75);
                """
            )
            v1.execute(
                """
                INSERT INTO "Booking" VALUES ('c1', 's1', %s, 'SCHEDULED', 75, 'Bo', 'bo@x.com',
                    '77573', 'u1', '2026-11-01 12:00');
                """,
                [at(10).replace(tzinfo=None)],
            )
            v1.execute(
                "INSERT INTO \"Payment\" VALUES ('p1', 'c1', 25, 'COMPLETED', 'pi_1', now())"
            )
            call_command(
                "import_v1",
                from_database=url,
                schema="v1",
                stripe_is_not_shared=True,
                rejects=Path(os.devnull),
            )
        finally:
            v1.execute("DROP SCHEMA v1 CASCADE")
    booking = Booking.objects.select_related("notary").get()
    assert booking.starts_at == at(10)
    assert booking.notary is not None
    assert booking.notary.email == "nora@example.com"
    assert (booking.amount_paid_cents, Payment.objects.get().provider_intent_id) == (2500, "pi_1")


def test_who_is_to_come_is_ours_to_tell_from_the_cut_over_on(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    a_notary(home_zip="77573")
    the_import(lines(tmp_path / "v1.jsonl", ("Booking", v1_row("a", ghlContactId="ghl1"))))
    booking = Booking.objects.get()
    now = booking.starts_at - timedelta(hours=2, minutes=-1)
    assert reminders.write_due(now=now) == 0
    assert OutboxJob.objects.count() == 0
    call_command("take_over_v1")
    assert set(OutboxJob.objects.values_list("kind", "destination")) >= {("SYNC", "ghl")}
    assert reminders.write_due(now=now) == 1
    call_command("take_over_v1")
    assert OutboxJob.objects.filter(kind="SYNC", destination="ghl").count() == 1
    assert breaches() == []
    call_command("take_over_v1", back=True)
    booking.refresh_from_db()
    assert booking.is_told_elsewhere
