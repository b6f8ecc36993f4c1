"""Every fact goes somewhere, or explicitly nowhere."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from bookings.events import (
    BookingAssigned,
    BookingCancelled,
    BookingConfirmed,
    BookingCreated,
    BookingRescheduled,
    BookingUpdated,
    ManageLinkRequested,
)
from bookings.models import Booking, Notary, SlotClaim
from hmnp.core.context import SYSTEM
from hmnp.core.events import emit, event_types
from integrations.connectors import CONNECTORS
from integrations.handlers import on_fact
from integrations.mail.mapping import _SUBJECTS
from integrations.models import OutboxJob
from integrations.routes import ROUTES
from integrations.states import FOR_NOTARIES, Destination, JobKind, MessageKind
from integrations.tests.cast import PHONE
from payments.events import PaymentFailed, RefundSent

pytestmark = pytest.mark.django_db


def _jobs(destination: str = "mail") -> list[tuple[str, str, int, str]]:
    """What goes to the customer, and under which key."""
    jobs = OutboxJob.objects.filter(destination=destination).exclude(message_kind__in=FOR_NOTARIES)
    return sorted(jobs.values_list("message_kind", "recipient", "version", "occurrence_id"))


def _news() -> list[tuple[str, str, str]]:
    jobs = OutboxJob.objects.filter(message_kind__in=FOR_NOTARIES)
    return sorted(jobs.values_list("message_kind", "recipient", "occurrence_id"))


def _emit(event: object) -> None:
    with transaction.atomic():
        emit(event)  # type: ignore[arg-type]


def test_every_event_of_every_app_is_routed() -> None:
    for config in apps.get_app_configs():
        name = f"{config.name}.events"
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    # Tests of the bus declare facts of their own.
    declared = {kind for kind in event_types() if ".tests." not in kind.__module__}
    assert declared == set(ROUTES)


def test_every_destination_has_a_connector_and_every_message_its_words() -> None:
    assert set(CONNECTORS) <= set(Destination)
    assert set(_SUBJECTS) == set(MessageKind)


def test_a_confirmed_booking_gets_one_confirmation_however_often_it_is_stated(
    booking: Booking,
) -> None:
    event = BookingConfirmed(booking_id=booking.id, version=1, actor=SYSTEM)
    _emit(event)
    _emit(event)
    assert _jobs() == [("confirmation", booking.customer_email, 1, "")]
    job = OutboxJob.objects.get(message_kind="confirmation")
    assert job.kind == JobKind.MESSAGE
    assert job.state == "READY"


def test_nothing_is_written_when_the_facts_own_transaction_is_undone(booking: Booking) -> None:
    def fact_that_is_undone() -> None:
        with transaction.atomic():
            emit(BookingConfirmed(booking_id=booking.id, version=1, actor=SYSTEM))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fact_that_is_undone()
    assert _jobs() == []


def test_a_created_booking_goes_nowhere_until_it_stands(booking: Booking) -> None:
    on_fact(
        BookingCreated(
            booking_id=booking.id,
            version=1,
            actor=SYSTEM,
            booking=booking,
            claim=SlotClaim(booking=booking),
            is_claim_new=True,
            due_cents=100,
        )
    )
    assert _jobs() == []


def test_a_new_address_is_sent_the_confirmation_and_the_old_one_is_told(booking: Booking) -> None:
    old, booking.customer_email = booking.customer_email, "new@example.com"
    booking.version = 2
    booking.save()
    _emit(BookingUpdated(booking_id=booking.id, version=2, actor=SYSTEM, previous_email=old))
    assert _jobs() == [
        ("address_changed", old, 2, ""),
        ("confirmation", "new@example.com", 2, ""),
    ]


def test_other_changes_of_details_are_not_mailed(booking: Booking) -> None:
    _emit(BookingUpdated(booking_id=booking.id, version=2, actor=SYSTEM, previous_email=None))
    assert _jobs() == []


def test_a_move_and_a_cancellation_are_told_once_a_version(booking: Booking) -> None:
    for version in (2, 3):
        Booking.objects.filter(pk=booking.pk).update(version=version)
        _emit(
            BookingRescheduled(
                booking_id=booking.id,
                version=version,
                actor=SYSTEM,
                previous_starts_at=booking.starts_at,
                previous_notary_id=None,
            )
        )
    _emit(
        BookingCancelled(
            booking_id=booking.id, version=3, actor=SYSTEM, previous_status="CONFIRMED"
        )
    )
    assert [(kind, version) for kind, _, version, _ in _jobs()] == [
        ("cancelled", 3),
        ("rescheduled", 2),
        ("rescheduled", 3),
    ]


OLD = "2026-12-01T15:30:00Z"
CHANGES: dict[str, Any] = {
    "confirmed": (BookingConfirmed, {}),
    "updated": (BookingUpdated, {"previous_email": None}),
    "moved": (BookingRescheduled, {"previous_starts_at": datetime.fromisoformat(OLD)}),
    "assigned": (BookingAssigned, {}),
    "cancelled": (BookingCancelled, {"previous_status": "CONFIRMED"}),
}


@pytest.mark.parametrize(
    ("what", "by_another", "told"),
    [
        ("confirmed", False, [("notary_job", "nora", "")]),
        ("updated", False, [("notary_change", "nora", "")]),
        ("moved", False, [("notary_change", "nora", "")]),
        ("moved", True, [("notary_gone", "otto", OLD), ("notary_job", "nora", "")]),
        ("assigned", True, [("notary_gone", "otto", "start"), ("notary_job", "nora", "")]),
        ("cancelled", False, [("notary_gone", "nora", "start")]),
    ],
)
def test_notaries_hear_of_jobs_that_are_new_changed_or_gone(
    booking: Booking, what: str, by_another: bool, told: list[tuple[str, str, str]]
) -> None:
    otto = Notary.objects.create(name="Otto", email="otto@example.com", home_zip="77058")
    event, fields = CHANGES[what]
    if what in ("moved", "assigned"):
        fields = {**fields, "previous_notary_id": otto.pk if by_another else booking.notary_id}
    fields = {"booking_id": booking.id, "version": 1, "actor": SYSTEM, **fields}
    _emit(event(**fields))
    start = f"{booking.starts_at:%Y-%m-%dT%H:%M:%SZ}"
    assert _news() == [
        (kind, f"{who}@example.com", start if occasion == "start" else occasion)
        for kind, who, occasion in told
    ]
    OutboxJob.objects.all().delete()
    Booking.objects.filter(pk=booking.pk).update(confirmed_at=None)
    _emit(event(**fields))
    assert _news() == []


@pytest.mark.parametrize(
    ("what", "kind"),
    [("confirmed", "confirmation"), ("moved", "rescheduled"), ("cancelled", "cancelled")],
)
def test_who_agreed_to_texts_gets_the_news_by_sms_too(
    booking: Booking, settings: Settings, what: str, kind: str
) -> None:
    event, fields = CHANGES[what]
    if what == "moved":
        fields = {**fields, "previous_notary_id": None}
    fact = event(booking_id=booking.id, version=1, actor=SYSTEM, **fields)
    _emit(fact)
    assert _jobs("sms") == []
    Booking.objects.filter(pk=booking.pk).update(sms_consent_at=timezone.now())
    _emit(fact)
    assert _jobs("sms") == [(kind, PHONE, 1, "")]
    OutboxJob.objects.all().delete()
    settings.INTEGRATIONS_OFF = ["sms"]
    _emit(fact)
    assert _jobs("sms") == []


def test_declined_cards_are_told_once_a_day_whatever_the_version(booking: Booking) -> None:
    for version in (1, 2):
        Booking.objects.filter(pk=booking.pk).update(version=version)
        _emit(
            PaymentFailed(
                payment_id=uuid4(),
                booking_id=booking.id,
                amount_cents=4250,
                decline_code="generic_decline",
                attempt_id=f"ch_{version}",
            )
        )
    assert [(kind, version) for kind, _, version, _ in _jobs()] == [("payment_failed", 0)]


def test_a_declined_card_on_a_hold_has_nobody_to_tell() -> None:
    _emit(
        PaymentFailed(
            payment_id=uuid4(), booking_id=None, amount_cents=1, decline_code="x", attempt_id="y"
        )
    )
    assert _jobs() == []


def test_each_refund_is_told_once(booking: Booking) -> None:
    refunds = [uuid4(), uuid4()]
    for refund_id in [*refunds, refunds[0]]:
        on_fact(
            RefundSent(
                payment_id=uuid4(), booking_id=booking.id, amount_cents=100, refund_id=refund_id
            )
        )
    assert sorted(occurrence for *_, occurrence in _jobs()) == sorted(map(str, refunds))


def test_asking_for_the_link_again_and_again_fills_no_mailbox(booking: Booking) -> None:
    at = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
    for minutes in (0, 1, 4, 5):
        _emit(
            ManageLinkRequested(
                booking_id=booking.id,
                version=1,
                actor=SYSTEM,
                requested_at=at + timedelta(minutes=minutes),
            )
        )
    assert [occurrence for *_, occurrence in _jobs()] == ["2026-12-01T10:00", "2026-12-01T10:05"]
