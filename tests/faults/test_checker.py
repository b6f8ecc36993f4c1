"""The checker is itself checked: one fact is made wrong, and exactly that is reported."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from hmnp.core import invariants
from tests.faults.flows import INTENT_FIRST, WITHOUT_HOLD, Flow, run_all
from tests.faults.judging import judge
from tests.faults.site import Site

pytestmark = pytest.mark.slow

STANDING = "(SELECT id FROM bookings_booking WHERE status = 'CONFIRMED' ORDER BY id LIMIT 1)"
ANOTHER = "(SELECT id FROM bookings_booking WHERE status = 'CONFIRMED' ORDER BY id DESC LIMIT 1)"
CANCELLED = "(SELECT id FROM bookings_booking WHERE status = 'CANCELLED' ORDER BY id LIMIT 1)"
CLAIM = f"(SELECT id FROM bookings_slotclaim WHERE booking_id = {STANDING})"
FREED = "(SELECT id FROM bookings_slotclaim WHERE state = 'RELEASED' LIMIT 1)"
PAYMENT = f"(SELECT id FROM payments_payment WHERE booking_id = {STANDING} LIMIT 1)"
REFUND = "(SELECT id FROM payments_refund WHERE reason_key = 'cancel' ORDER BY id LIMIT 1)"
UNCLAIMED = "(SELECT id FROM payments_refund WHERE reason_key = 'unclaimed' LIMIT 1)"
JOB = (
    f"(SELECT id FROM integrations_outboxjob WHERE booking_id = {STANDING} "
    "AND message_kind = 'confirmation')"
)
EVENT = "(SELECT id FROM integrations_inboxevent ORDER BY id LIMIT 1)"
# The database itself refuses this while its rules are on.
BOOKS_OPEN = "ALTER TABLE payments_ledgerentry DISABLE TRIGGER USER;"
TIMELINE_OPEN = "SET LOCAL session_replication_role = replica;"
PAST, FUTURE = "2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def copy(table: str, source: str, **changes: Any) -> str:
    """Give SQL that inserts one more row like the one of the id `source`."""
    return f"""
        INSERT INTO {table} SELECT (made.new).* FROM (
            SELECT jsonb_populate_record(
                old, jsonb_build_object('id', gen_random_uuid()) || '{json.dumps(changes)}') AS new
            FROM {table} AS old WHERE id = {source}) AS made;
    """


def lonely_claim(state: str, **changes: Any) -> str:
    """Give SQL for a claim that no booking has, where no other is."""
    far = {
        "starts_at": "2098-01-01T10:00:00Z",
        "ends_at": "2098-01-01T11:00:00Z",
        "period": "[2098-01-01T09:00:00Z,2098-01-01T12:00:00Z)",
        "booking_id": None,
    }
    return copy("bookings_slotclaim", CLAIM, **{**far, "state": state, **changes})


def payment(claim: str, **changes: Any) -> str:
    """Give SQL for one more payment, of a claim."""
    own = {"idempotency_key": "pi-one-more", "provider_intent_id": "pi_one_more"}
    inserted = copy("payments_payment", PAYMENT, **{**own, **changes})
    return f"{inserted} UPDATE payments_payment SET claim_id = {claim} " + (
        f"WHERE idempotency_key = '{changes.get('idempotency_key', 'pi-one-more')}';"
    )


def wrong_in_the_books(payment_id: str) -> str:
    """Give SQL that puts one more cent on both sides of a payment's movement."""
    return f"""
        {BOOKS_OPEN} UPDATE payments_ledgerentry
        SET amount_cents = amount_cents + sign(amount_cents)
        WHERE payment_id = {payment_id} AND movement LIKE 'payment:%:settled'"""


# By what is to be reported; a moved booking no longer fits its claim either.
CORRUPTIONS: dict[str, str] = {
    "answers-are-kept-with-their-effect": """
        UPDATE core_idempotencyrecord SET status = NULL
        WHERE ctid = (SELECT ctid FROM core_idempotencyrecord LIMIT 1)""",
    "claims-never-overlap": "ALTER TABLE bookings_slotclaim DROP CONSTRAINT claim_no_overlap;"
    + copy(
        "bookings_slotclaim",
        CLAIM,
        booking_id=None,
        state="HELD",
        expires_at=FUTURE,
        max_expires_at=FUTURE,
    ),
    "bookings-never-overlap, live-bookings-have-one-claim": f"""
        UPDATE bookings_booking AS moved SET starts_at = other.starts_at, ends_at = other.ends_at,
               notary_id = other.notary_id
        FROM bookings_booking AS other WHERE other.id = {STANDING} AND moved.id = {ANOTHER}""",
    "live-bookings-have-one-claim": f"""
        UPDATE bookings_slotclaim SET state = 'RELEASED' WHERE id = {CLAIM}""",
    "booked-claims-have-a-booking": lonely_claim("BOOKED"),
    "ended-bookings-free-their-time": lonely_claim("BOOKED")
    + f"UPDATE bookings_slotclaim SET booking_id = {CANCELLED} "
    "WHERE booking_id IS NULL AND state = 'BOOKED'",
    "holds-end": lonely_claim("HELD", expires_at=PAST, max_expires_at=PAST),
    "statuses-move-as-allowed": f"""
        UPDATE bookings_booking SET status = 'IN_PROGRESS' WHERE id = {STANDING}""",
    "statuses-move-as-allowed (the path)": f"""
        {TIMELINE_OPEN} UPDATE bookings_timelineevent
        SET changes = jsonb_set(changes, '{{status}}', '["EXPIRED", "CONFIRMED"]')
        WHERE booking_id = {STANDING} AND action = 'confirmed'""",
    "versions-count-changes": f"""
        UPDATE bookings_booking SET version = version + 1 WHERE id = {STANDING}""",
    "timelines-begin-once, timelines-are-linked": f"""
        {TIMELINE_OPEN} DELETE FROM bookings_timelineevent
        WHERE booking_id = {STANDING} AND action = 'created'""",
    "timelines-are-linked": f"""
        {TIMELINE_OPEN} UPDATE bookings_timelinehead SET length = length + 1
        WHERE booking_id = {STANDING}""",
    "confirmed-bookings-are-paid": f"""
        UPDATE bookings_booking SET due_now_cents = amount_paid_cents + 1 WHERE id = {STANDING}""",
    "prices-are-their-lines": f"""
        UPDATE bookings_booking
        SET pricing = jsonb_set(pricing, '{{lines,0,amount_cents}}', '1') WHERE id = {STANDING}""",
    "promo-uses-are-counted": """
        INSERT INTO services_promocode (code, description, kind, percent, amount_cents,
            minimum_cents, is_active, times_used, created_at)
        VALUES ('USED', '', 'FIXED', 0, 100, 0, true, 1, now())""",
    "closing-claims-await-an-intent": lonely_claim("CLOSING", expires_at=PAST, max_expires_at=PAST),
    "charges-have-a-home, books-tell-each-payment": payment(FREED, booking_id=None),
    "ended-bookings-keep-only-their-fee, books-tell-each-payment, books-tell-each-booking": f"""
        UPDATE payments_payment SET amount_refunded_cents = 0, status = 'SUCCEEDED'
        WHERE booking_id = {CANCELLED};
        DELETE FROM payments_refund WHERE payment_id IN (
            SELECT id FROM payments_payment WHERE booking_id = {CANCELLED});
        UPDATE bookings_booking SET amount_refunded_cents = 0, cancel_refund_cents = 0
        WHERE id = {CANCELLED}""",
    "captured-is-what-was-asked": f"""
        UPDATE payments_payment SET amount_cents = amount_cents + 1 WHERE id = {PAYMENT}""",
    "refunds-stay-within-captured": copy(
        "payments_refund",
        UNCLAIMED,
        reason_key="twin",
        status="REQUESTED",
        provider_refund_id=None,
        run_at=FUTURE,
        idempotency_key="rf-twin",
    )
    + "UPDATE payments_refund SET idempotency_key = 'rf-' || id WHERE reason_key = 'twin'",
    "refunds-have-their-own-key": f"""
        UPDATE payments_refund SET idempotency_key = 'rf-shared' WHERE id = {REFUND}""",
    "cancellations-refund-once": f"""
        UPDATE bookings_booking SET cancel_refund_cents = cancel_refund_cents + 1
        WHERE id = {CANCELLED}""",
    "bookings-count-their-money, books-tell-each-booking": f"""
        UPDATE bookings_booking SET amount_paid_cents = amount_paid_cents + 1
        WHERE id = {STANDING}""",
    "payments-count-their-refunds, books-tell-each-payment": f"""
        UPDATE payments_payment SET amount_refunded_cents = 1 WHERE id = {PAYMENT}""",
    "one-open-payment-each": "DROP INDEX payment_one_open_per_claim;"
    + "".join(
        payment(
            FREED,
            booking_id=None,
            status="CREATED",
            amount_captured_cents=0,
            intent_requested_at=None,
            provider_intent_id=None,
            idempotency_key=key,
        )
        for key in ("pi-one", "pi-two")
    ),
    "nothing-is-paid-twice, books-tell-each-payment, books-tell-each-booking": payment(CLAIM)
    + "UPDATE bookings_booking SET amount_paid_cents = 2 * amount_paid_cents "
    f"WHERE id = {STANDING}",
    "no-intent-is-forgotten": """
        UPDATE payments_payment SET provider_intent_id = NULL
        WHERE id = (SELECT id FROM payments_payment WHERE status = 'CANCELLED'
                    AND intent_requested_at IS NOT NULL LIMIT 1)""",
    "payments-are-looked-after": f"""
        UPDATE payments_payment SET late_since = '{PAST}', run_at = '{PAST}'
        WHERE id = {PAYMENT}""",
    "open-choices-hold-late-money": f"""
        INSERT INTO payments_latechoice
            (id, payment_id, booking_id, state, opened_at, expires_at, decided_at)
        VALUES (gen_random_uuid(), {PAYMENT}, {STANDING}, 'OPEN', now(), '{FUTURE}', NULL)""",
    "kept-times-belong-to-a-choice": lonely_claim(
        "HELD", expires_at=FUTURE, max_expires_at=FUTURE, holder_key="late:nobody"
    ),
    "money-by-hand-names-who-took-it": f"""
        UPDATE payments_payment SET method = 'CASH' WHERE id = {PAYMENT}""",
    "duplicates-go-back, bookings-count-their-money, books-tell-each-booking": f"""
        UPDATE payments_payment SET is_duplicate = true WHERE id = {PAYMENT}""",
    "lost-disputes-are-counted": f"""
        INSERT INTO payments_dispute
            (id, payment_id, provider_dispute_id, provider_status, reason, amount_cents, state,
             opened_at, closed_at, run_at, updated_at)
        VALUES (gen_random_uuid(), {PAYMENT}, 'du_lost', 'lost', '', 1, 'LOST',
                now(), now(), now(), now())""",
    "movements-balance": f"""
        {BOOKS_OPEN} UPDATE payments_ledgerentry SET amount_cents = amount_cents + 1
        WHERE id = (SELECT id FROM payments_ledgerentry WHERE account = 'STRIPE' LIMIT 1)""",
    "books-tell-each-payment, books-tell-each-booking": wrong_in_the_books(PAYMENT),
    "books-tell-each-payment": wrong_in_the_books(
        f"(SELECT payment_id FROM payments_refund WHERE id = {UNCLAIMED})"
    ),
    "disputed-money-is-disputed": f"""
        {BOOKS_OPEN} UPDATE payments_ledgerentry SET account = 'DISPUTED'
        WHERE payment_id = {PAYMENT} AND account = 'STRIPE'""",
    "facts-have-their-mail": f"DELETE FROM integrations_outboxjob WHERE id = {JOB}",
    "jobs-are-written-once": "DROP INDEX outbox_message_once;"
    + copy("integrations_outboxjob", JOB),
    # A system that one booking's facts reach, and another's do not.
    "facts-reach-every-system": copy(
        "integrations_outboxjob", JOB, kind="SYNC", destination="ghl", message_kind="", recipient=""
    ),
    "one-event-a-booking": f"""
        INSERT INTO integrations_externalref (booking_id, system, kind, container, external_id,
            version, written_hash, status, created_at, updated_at)
        SELECT {CANCELLED}, 'google_calendar', 'event', 'nora', 'e1', 1, '', 'confirmed',
            now(), now()
        """,
    "dead-jobs-call-a-person": f"""
        UPDATE integrations_outboxjob SET state = 'DEAD' WHERE id = {JOB}""",
    "leases-end": f"""
        UPDATE integrations_outboxjob SET state = 'RUNNING', token = gen_random_uuid(),
               lease_until = '{PAST}' WHERE id = {JOB}""",
    "jobs-are-done": f"""
        UPDATE integrations_outboxjob SET state = 'READY', run_at = '{FUTURE}' WHERE id = {JOB}""",
    "attempts-are-limited": f"""
        UPDATE integrations_outboxjob SET attempts = max_attempts + 1 WHERE id = {JOB}""",
    "events-are-stored-once": """
        ALTER TABLE integrations_inboxevent DROP CONSTRAINT inbox_event_once;"""
    + copy("integrations_inboxevent", EVENT),
    "events-are-acted-on": f"""
        UPDATE integrations_inboxevent SET state = 'PARKED', finished_at = NULL,
               run_at = '{PAST}' WHERE id = {EVENT}""",
    "finished-events-have-an-end": f"""
        UPDATE integrations_inboxevent SET finished_at = NULL WHERE id = {EVENT}""",
}


@pytest.fixture(scope="module")
def world(_faults_site: Site) -> Site:
    """Rows of every kind, at rest: standing, cancelled, expired, and paid for nothing."""
    site = _faults_site
    flows = [
        *(Flow(site=site, steps=INTENT_FIRST) for _ in range(2)),
        Flow(site=site, steps=(*INTENT_FIRST, "cancel")),
        Flow(site=site, steps=INTENT_FIRST[:3]),
        Flow(site=site, steps=WITHOUT_HOLD[:2]),
    ]
    run_all(flows)
    site.quiesce()
    judge(site, flows)
    return site


def test_every_invariant_is_made_to_break_below() -> None:
    made = {name for report in CORRUPTIONS for name in report.split(" (")[0].split(", ")}
    assert made == {invariant.name for invariant in invariants.all_invariants()}


@pytest.mark.parametrize(("report", "corruption"), CORRUPTIONS.items(), ids=list(CORRUPTIONS))
def test_one_wrong_fact_is_reported_and_nothing_else(
    world: Site, report: str, corruption: str
) -> None:
    with world.database.transaction(force_rollback=True), world.database.cursor() as cursor:
        cursor.execute(cast(Any, corruption))
        found = invariants.find_breaches(
            cursor=cast(invariants.Cursor, cursor), invariants=invariants.all_invariants()
        )
    assert {breach.name for breach in found} == set(report.split(" (")[0].split(", "))
    assert world.breaches() == []


def test_the_command_fails_on_a_breach_and_waits_for_what_is_due(world: Site) -> None:
    clean = world.manage("check_invariants")
    count = len(invariants.all_invariants())
    assert clean.process.returncode == 0, clean.log_end()
    assert f"All {count} invariants hold." in clean.log_end(lines=2)

    world.rows(lonely_claim("HELD", expires_at=PAST, max_expires_at=PAST))
    broken = world.manage("check_invariants", "--wait", "0.2")
    assert broken.process.returncode == 1
    said = broken.log_end(lines=count + 10)
    assert "still due: 1 dead holds to expire" in said
    assert "I3   holds-end" in said
    assert "1 BROKEN" in said

    world.quiesce()
    assert world.breaches() == []


def test_the_checker_writes_nothing(world: Site) -> None:
    """Its rules are read in a transaction in which nothing can be written."""
    with world.database.transaction(), world.database.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        invariants.find_breaches(
            cursor=cast(invariants.Cursor, cursor), invariants=invariants.all_invariants()
        )
        invariants.count_due(
            cursor=cast(invariants.Cursor, cursor), backlogs=invariants.all_backlogs()
        )
