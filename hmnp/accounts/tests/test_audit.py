"""The audit log: every model that matters, everybody who can change one, nothing personal."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from hmnp.accounts.audit import AuditMiddleware, record_change
from hmnp.accounts.models import Partner
from hmnp.accounts.principals import Kind, Principal
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.celery import app
from hmnp.core.request_id import working_on
from hmnp.core.tokens import ACCESS, Token

TOLD_BY_TIMELINE = "its booking's timeline tells of every change, bound by hashes"
TOLD_BY_LEDGER = "the ledger, which can only be added to, tells of every movement"
FOLLOWS = "follows from other rows, and no person edits it"
ITSELF = "is a record itself: only ever added to"
MACHINERY = "the machinery's own, without anything decided in it"
NOT_AUDITED = {
    "admin.LogEntry": ITSELF,
    "auditlog.LogEntry": ITSELF,
    "auth.Permission": MACHINERY,
    "account.EmailAddress": "nobody signs up and no address is confirmed",
    "account.EmailConfirmation": "nobody signs up and no address is confirmed",
    "contenttypes.ContentType": MACHINERY,
    "sessions.Session": MACHINERY,
    "rest_framework_api_key.APIKey": "opens nothing here; ours are accounts.PartnerApiKey",
    "core.IdempotencyRecord": MACHINERY,
    "core.Version": MACHINERY,
    "services.LegalMaximum": "comes with a release and is edited by nobody",
    "bookings.Booking": TOLD_BY_TIMELINE,
    "bookings.BookingDocument": TOLD_BY_TIMELINE,
    "bookings.PromoRedemption": TOLD_BY_TIMELINE,
    "bookings.SlotClaim": TOLD_BY_TIMELINE,
    "bookings.BusyBlock": FOLLOWS,
    "bookings.TimelineEvent": ITSELF,
    "bookings.TimelineHead": ITSELF,
    "payments.LedgerEntry": ITSELF,
    "payments.Mismatch": FOLLOWS,
    "payments.Payment": TOLD_BY_LEDGER,
    "payments.Refund": TOLD_BY_LEDGER,
    "payments.LateChoice": TOLD_BY_TIMELINE,
    "payments.Dispute": TOLD_BY_TIMELINE,
    "integrations.CalendarFeed": MACHINERY,
    "integrations.ExternalRef": FOLLOWS,
    "integrations.InboxEvent": ITSELF,
    "integrations.OutboxJob": FOLLOWS,
    "integrations.SmsOptOut": "somebody's own word by text message, kept as it came",
    "desk.Alert": ITSELF,
    "desk.AlertNotice": FOLLOWS,
    "desk.AlertWatch": MACHINERY,
    "desk.CaseDeed": ITSELF,
    "desk.MetricBucket": FOLLOWS,
    "desk.Reading": FOLLOWS,
    "rollout.V1Row": ITSELF,
    "rollout.ShimCall": ITSELF,
    "rollout.ShadowCheck": ITSELF,
}
# What of a person or a secret may stand in a column; such a column is masked.
PERSONAL = ("email", "phone", "password", "secret", "sealed", "hashed", "first_name", "last_name")


def test_every_model_is_audited_or_listed_with_its_reason() -> None:
    audited = {model._meta.label for model in auditlog.get_models()}
    every = {model._meta.label for model in apps.get_models()}
    assert every - audited - NOT_AUDITED.keys() == set(), "audit it, or say why not"
    assert audited & NOT_AUDITED.keys() == set()


def test_no_personal_or_secret_column_is_written_down() -> None:
    bare = [
        f"{model._meta.label}.{field.name}"
        for model in auditlog.get_models()
        for field in model._meta.concrete_fields
        if any(word in field.name for word in PERSONAL)
        and field.name not in auditlog.get_model_fields(model)["mask_fields"]
    ]
    assert bare == []


def staff() -> User:
    return User.objects.create_user("dana", "dana@example.com", "once upon a time")


def changed_by(request: HttpRequest) -> LogEntry:
    """Change a partner in a request, and give what the log says of it."""
    partner = Partner.objects.create(name="Title Co", contact_email="before@example.com")

    def view(_: HttpRequest) -> HttpResponse:
        partner.contact_email = "after@example.com"
        partner.save()
        return HttpResponse()

    request.META["REMOTE_ADDR"] = "203.0.113.9"
    request.META["HTTP_X_FORWARDED_FOR"] = "198.51.100.1"
    with working_on("request-0001"):
        AuditMiddleware(view)(request)
    return LogEntry.objects.get_for_object(partner).get(action=LogEntry.Action.UPDATE)


def calling(kind: Kind, **who: Any) -> HttpRequest:
    request = RequestFactory().post("/api/v2/bookings")
    request.user = AnonymousUser()
    request.auth = Principal(kind=kind, ip="203.0.113.9", **who)  # type: ignore[attr-defined]  # as DRF does
    return request


def webhook() -> HttpRequest:
    return RequestFactory().post("/api/v2/webhooks/proof")


@pytest.mark.parametrize("who", ["admin", "partner", "customer", "provider"])
def test_whoever_changes_a_row_is_named(db: None, who: str) -> None:
    user = staff()
    partner = Partner.objects.create(name="Lender")
    token = Token(text="t", purpose=ACCESS, subject_id=uuid4(), generation=1, key_id="k")
    page = RequestFactory().post("/admin/")
    page.user = user
    request, known = {
        "admin": (page, str(user.pk)),
        "partner": (calling(Kind.PARTNER, partner=partner), str(partner.pk)),
        "customer": (calling(Kind.CUSTOMER, token=token), ""),
        "provider": (webhook(), "proof"),
    }[who]
    entry = changed_by(request)
    assert entry.additional_data == {"actorType": who} | ({"actorId": known} if known else {})
    assert entry.actor == (user if who == "admin" else None)
    assert (entry.remote_addr, entry.cid) == ("203.0.113.9", "request-0001")
    assert entry.changes == {"contact_email": ["•••", "•••"]}


def test_a_task_and_a_command_are_named_by_what_runs(db: None) -> None:
    @app.task(name="tests.rename")
    def rename() -> None:
        Partner.objects.create(name="By a task")

    rename()
    Partner.objects.create(name="By hand")
    by_task, by_hand = LogEntry.objects.order_by("id")
    assert "api_keys" not in by_task.changes, "no column of its own"
    assert by_task.additional_data == {"actorType": "system", "program": "task tests.rename"}
    assert by_hand.additional_data["program"]


def test_a_swap_that_the_log_cannot_see_is_recorded_by_hand(db: None) -> None:
    partner = Partner.objects.create(name="Title Co")
    record_change(instance=partner, changes={"name": ("Title Co", "Other Co"), "terms": (1, 1)})
    entry = LogEntry.objects.get_for_object(partner).first()
    assert entry.changes == {"name": ["Title Co", "Other Co"]}


def test_rights_given_and_taken_are_told_and_an_account_that_did_something_stays(
    db: None, django_user_model: type[User]
) -> None:
    user, group = staff(), Group.objects.create(name="finance")
    group.permissions.add(Permission.objects.get(codename="view_partner"))
    user.groups.add(group)
    user.groups.remove(group)
    user.set_password("another day entirely")
    user.save()
    told = [entry.changes for entry in LogEntry.objects.get_for_object(user).order_by("id")[1:]]
    assert [change["groups"]["operation"] for change in told[:2]] == ["add", "delete"]
    assert told[2] == {"password": ["•••", "•••"]}
    assert "permissions" in LogEntry.objects.get_for_object(group).first().changes


def test_a_rows_history_is_the_logs_and_no_account_is_deleted(client: Client, db: None) -> None:
    open_desk(client, User.objects.create_superuser("owner"))
    other = staff()
    page = client.get(f"/admin/auth/user/{other.pk}/history/", follow=True)
    assert page.status_code == 200
    shown = page.context["cl"].result_list
    assert {(entry.object_pk, entry.content_type.model) for entry in shown} == {
        (str(other.pk), "user")
    }
    assert client.post(f"/admin/auth/user/{other.pk}/delete/", {"post": "yes"}).status_code == 403
    entry = client.get(f"/admin/auditlog/logentry/{shown[0].pk}/change/")
    assert entry.status_code == 200
    assert "•••" in entry.content.decode()
    assert "dana@example.com" not in entry.content.decode()
