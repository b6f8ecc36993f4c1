"""Cases: opened and settled with the fact, taken and closed by a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core.acting import Acting, acting
from hmnp.core.cases import CaseKind, open_case, settle_case
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import ValidationFailed
from hmnp.core.events import EmittedOutsideTransaction
from hmnp.desk.actions.close_case import CaseAlreadyClosed, close_case
from hmnp.desk.actions.take_case import take_case
from hmnp.desk.models import Case

NOW = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)


def dispute(key: str = "dp_1") -> None:
    """Open a case as payments would."""
    open_case(
        kind=CaseKind.DISPUTE,
        key=key,
        subject="payment:1",
        summary="The customer disputes a charge of $42.50.",
        repair="answer_at_stripe",
        amount_cents=4250,
    )


@pytest.fixture
def staff(db: None) -> User:
    """Give a staff member."""
    return User.objects.create_superuser(username="dispatcher", password="secret")


@pytest.mark.django_db
def test_a_case_noticed_twice_is_one_case() -> None:
    dispute()
    dispute()
    case = Case.objects.get()
    assert (case.kind, case.subject, case.repair) == (
        CaseKind.DISPUTE,
        "payment:1",
        "answer_at_stripe",
    )
    assert case.details == {"amount_cents": 4250}
    assert case.closed_at is None


@pytest.mark.django_db
def test_a_case_that_comes_back_after_it_was_closed_is_a_new_one() -> None:
    dispute()
    settle_case(kind=CaseKind.DISPUTE, key="dp_1", how="won")
    dispute()
    assert Case.objects.count() == 2
    assert Case.objects.filter(closed_at__isnull=True).count() == 1


@pytest.mark.django_db
def test_the_audit_log_says_who_opened_and_who_settled_it_each_once() -> None:
    ContentType.objects.get_for_model(Case)
    partner = Actor(ActorType.PARTNER, id="7", ip="203.0.113.9")
    with acting(lambda: Acting(actor=partner)), CaptureQueriesContext(connection) as sent:
        dispute()
    assert len(sent) == 2, "the case and its row in the log"
    with acting(lambda: Acting(program="task payments.sweep")):
        with CaptureQueriesContext(connection) as sent:
            dispute()
        assert len(sent) == 1, "it is open already"
        settle_case(kind=CaseKind.DISPUTE, key="dp_1", how="won")
        with CaptureQueriesContext(connection) as sent:
            settle_case(kind=CaseKind.DISPUTE, key="dp_1", how="won")
        assert len(sent) == 1, "there is none any more"
    opened, settled = LogEntry.objects.get_for_object(Case.objects.get()).order_by("id")
    assert opened.action == LogEntry.Action.CREATE
    assert opened.changes["kind"] == ["None", "DISPUTE"]
    assert opened.additional_data == {"actorType": "partner", "actorId": "7"}
    assert opened.remote_addr == "203.0.113.9"
    assert settled.changes == {"closed_how": ["", "won"]}
    assert settled.additional_data == {"actorType": "system", "program": "task payments.sweep"}


@pytest.mark.django_db
def test_settling_closes_only_its_own_case() -> None:
    dispute("dp_1")
    dispute("dp_2")
    settle_case(kind=CaseKind.DISPUTE, key="dp_1", how="won")
    assert Case.objects.get(closed_at__isnull=True).key == "dp_2"
    assert Case.objects.get(key="dp_1").closed_how == "won"


@pytest.mark.django_db(transaction=True)
def test_a_case_vanishes_with_the_transaction_that_opened_it() -> None:
    with transaction.atomic():
        dispute()
        transaction.set_rollback(True)
    assert not Case.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_case_cannot_be_opened_outside_a_transaction() -> None:
    with pytest.raises(EmittedOutsideTransaction):
        dispute()
    assert not Case.objects.exists()


def test_a_person_takes_and_closes_it_once(staff: User) -> None:
    dispute()
    case = Case.objects.get()
    take_case(case_id=case.pk, user=staff, now=NOW)
    closed = close_case(case_id=case.pk, how="Refunded by hand", user=staff, now=NOW)
    assert (closed.taken_by, closed.closed_by, closed.closed_how) == (
        staff,
        staff,
        "Refunded by hand",
    )
    with pytest.raises(CaseAlreadyClosed):
        close_case(case_id=case.pk, how="Again", user=staff, now=NOW)
    with pytest.raises(CaseAlreadyClosed):
        take_case(case_id=case.pk, user=staff, now=NOW)


def test_the_desk_goes_by_houstons_clock(staff: User, client: Client) -> None:
    dispute()
    case = Case.objects.get()
    take_case(case_id=case.pk, user=staff, now=datetime(2027, 3, 1, 3, 5, tzinfo=UTC))
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(Case),
        object_pk="1",
        action=1,
        timestamp=datetime(2027, 7, 1, 3, 5, tzinfo=UTC),
    )
    open_desk(client, staff)
    page = client.get(f"/admin/desk/case/{case.pk}/change/").content.decode()
    assert "28 Feb 2027, 9:05 pm" in page
    assert "June 30, 2027, 10:05" in client.get("/admin/auditlog/logentry/").content.decode()


def test_it_is_not_closed_without_a_word(staff: User) -> None:
    dispute()
    with pytest.raises(ValidationFailed):
        close_case(case_id=Case.objects.get().pk, how=" ", user=staff, now=NOW)
    assert Case.objects.get().closed_at is None


def test_the_admin_shows_what_waits_and_closes_it(staff: User, client: Client) -> None:
    dispute()
    case = Case.objects.get()
    open_desk(client, staff)
    page = client.get("/admin/desk/case/")
    assert "disputes a charge" in page.content.decode()
    action = {"action": "close", "_selected_action": [case.pk]}
    client.post("/admin/desk/case/", {**action, "how": ""})
    assert Case.objects.get().closed_at is None
    client.post("/admin/desk/case/", {**action, "how": "Answered"})
    assert Case.objects.get().closed_how == "Answered"
    assert "disputes a charge" not in client.get("/admin/desk/case/").content.decode()
    assert client.get(f"/admin/desk/case/{case.pk}/delete/").status_code == 403
