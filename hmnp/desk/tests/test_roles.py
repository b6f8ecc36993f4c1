"""Who gets where: every address of the desk, read and sent to, by everybody.

The addresses come from the URL resolver. A new one without a row here fails; so does a row whose
address is gone. A new page is one line in PAGES, a new model one line in MODELS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.http import Http404
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, resolve, reverse
from unfold.sites import UnfoldAdminSite

from bookings.models import Booking, Notary, TimelineEvent
from bookings.tests.factories import NOW, STAFF, a_notary, book
from hmnp.accounts import second_factor
from hmnp.accounts.models import Partner
from hmnp.accounts.tests.desk_door import open_desk, proof
from hmnp.desk.roles import ROLES
from payments.actions.record_offline_payment import record_offline_payment
from payments.books import LedgerEntry
from payments.models import Payment
from payments.states import PaymentMethod
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

OWNER, DISPATCHER, FINANCE, NOTARY = ROLES
NOBODY: tuple[str, ...] = ()
WITH_ROLE = (OWNER, DISPATCHER, FINANCE, NOTARY)
# Staff whom nobody gave a role come in, see nothing of anybody's and are told whom to ask.
ANY_STAFF = (*WITH_ROLE, "roleless")
DESK = (OWNER, DISPATCHER, FINANCE)
LEAD = (OWNER, DISPATCHER)
MONEY = (OWNER, FINANCE)
ONLY_OWNER = (OWNER,)
# Who has no way in: a visitor, an account that is no staff's, the owner with a password alone.
OUTSIDE = ("anonymous", "customer", "unproven")


@dataclass(frozen=True)
class Page:
    """Who may read a page, and who may send to it."""

    read: tuple[str, ...]
    sent: tuple[str, ...] = NOBODY
    # What a form must say for the page to look at it at all.
    form: tuple[tuple[str, str], ...] = ()
    # What stands in the address, after the notary's own booking; "colleague" is an account.
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """Who may list and read, add, change and delete rows."""

    read: tuple[str, ...]
    add: tuple[str, ...] = NOBODY
    change: tuple[str, ...] = NOBODY
    delete: tuple[str, ...] = NOBODY


DO = (("do", "take"),)
PAGES: dict[str, Page] = {
    "admin-today": Page(WITH_ROLE),
    "admin-week": Page(WITH_ROLE),
    "admin-sessions": Page(ANY_STAFF, sent=ANY_STAFF),
    "admin-dashboard": Page(MONEY, sent=MONEY),
    "admin-booking": Page((*DESK, NOTARY)),
    "admin-booking-money": Page(DESK, sent=DESK, form=DO),
    "admin-booking-outside": Page(DESK, sent=LEAD, form=(("do", "replay_all"),)),
    "admin-booking-step": Page((*LEAD, NOTARY), sent=(*LEAD, NOTARY), args=("start",)),
    "admin-booking-cancel": Page(LEAD, sent=LEAD),
    "admin-booking-assign": Page(LEAD, sent=LEAD),
    "admin-booking-move": Page(LEAD, sent=LEAD),
    "admin-booking-edit": Page(LEAD, sent=LEAD),
    "admin-new-booking": Page(LEAD, sent=LEAD),
    "admin-bookings-csv": Page(MONEY),
    "admin-statement": Page(MONEY),
    "admin-outside": Page(DESK, sent=LEAD, form=(("do", "pause"),)),
    "admin-rollout": Page(ONLY_OWNER, sent=ONLY_OWNER),
    "admin:auth_user_second_step": Page(ONLY_OWNER, sent=ONLY_OWNER, args=("colleague",)),
    "admin:auth_user_password_change": Page(ONLY_OWNER, sent=ONLY_OWNER, args=("colleague",)),
    # The admin's own machinery.
    "admin:search": Page(ANY_STAFF, sent=ANY_STAFF),
    "admin:password_change": Page(ANY_STAFF, sent=ANY_STAFF),
    "admin:password_change_done": Page(ANY_STAFF),
    "admin:jsi18n": Page(ANY_STAFF),
    "admin:logout": Page(NOBODY, sent=ANY_STAFF),
    # Without naming a field of a model it refuses; whom it answers is the model's affair.
    "admin:autocomplete": Page(NOBODY),
    # No model of ours has a page on the site to go to.
    "admin:view_on_site": Page(NOBODY, args=("1", "1")),
    "admin:app_list": Page(DESK, sent=DESK, args=("bookings",)),
}
# The admin's own, which find nothing rather than refuse.
MAY_BE_ABSENT = {"admin:view_on_site", "admin:autocomplete"}
# What everybody may read: it leads to the door.
DOOR = {"admin:login"}
# The same addresses under another name, in whose place ours stand before.
SHADOWED = {"admin:index", "admin:bookings_booking_change"}

MODELS: dict[str, Model] = {
    "auditlog.LogEntry": Model(ONLY_OWNER),
    "auth.User": Model(ONLY_OWNER, add=ONLY_OWNER, change=ONLY_OWNER),
    "auth.Group": Model(ONLY_OWNER),
    "accounts.Partner": Model(DESK, add=ONLY_OWNER, change=MONEY, delete=ONLY_OWNER),
    "accounts.PartnerApiKey": Model(
        ONLY_OWNER, add=ONLY_OWNER, change=ONLY_OWNER, delete=ONLY_OWNER
    ),
    "services.Service": Model(DESK, add=ONLY_OWNER, change=ONLY_OWNER),
    "services.ServiceArea": Model(DESK, add=ONLY_OWNER, change=ONLY_OWNER),
    "services.StatutoryRate": Model(DESK, add=ONLY_OWNER, change=ONLY_OWNER),
    "services.PromoCode": Model(DESK, add=ONLY_OWNER, change=ONLY_OWNER),
    "bookings.Booking": Model(DESK),
    "bookings.Notary": Model(DESK, add=ONLY_OWNER, change=ONLY_OWNER, delete=ONLY_OWNER),
    "bookings.Blackout": Model(LEAD, add=LEAD, change=LEAD, delete=LEAD),
    "bookings.BusyBlock": Model(DESK),
    "bookings.SlotClaim": Model(DESK),
    "payments.Payment": Model(DESK),
    "payments.Refund": Model(DESK),
    "payments.LedgerEntry": Model(MONEY),
    "payments.Mismatch": Model(MONEY),
    "integrations.OutboxJob": Model(DESK),
    "integrations.InboxEvent": Model(DESK),
    "integrations.ExternalRef": Model(DESK),
    "integrations.SmsOptOut": Model(DESK),
    "desk.Alert": Model(DESK, change=DESK),
    "desk.AlertRule": Model(MONEY, change=ONLY_OWNER),
    "desk.Case": Model(DESK, change=DESK),
    "rollout.V1Row": Model(ONLY_OWNER),
    "rollout.ShimCall": Model(ONLY_OWNER),
    "rollout.ShadowCheck": Model(ONLY_OWNER),
}


@dataclass
class House:
    """Everybody there is, and the rows that addresses name."""

    people: dict[str, User | AnonymousUser]
    own: Booking
    foreign: Booking

    def ask(self, who: str, method: str, address: str, form: dict[str, str]) -> str:
        """Give what comes of a request: in, door, forbidden, absent or no such method."""
        request = getattr(RequestFactory(), method)(address, form)
        user = self.people[who]
        request.user, request.session = user, SessionStore()
        request._dont_enforce_csrf_checks = True
        request._messages = CookieStorage(request)
        if isinstance(user, User) and who != "unproven":
            request.session.update(self.proofs[who])
        match = resolve(request.path_info)
        request.resolver_match = match
        try:
            answer = match.func(request, *match.args, **match.kwargs)
        except PermissionDenied:
            return "forbidden"
        except Http404:
            return "absent"
        if answer.status_code == 302 and answer["Location"].startswith("/admin/login/"):
            return "door"
        if answer.status_code == 302 and answer["Location"] == "/admin/":
            return "nothing"  # a row that is not there
        return {403: "forbidden", 404: "absent", 405: "no method"}.get(answer.status_code, "in")

    def __post_init__(self) -> None:
        self.proofs = {
            name: proof(user) for name, user in self.people.items() if isinstance(user, User)
        }


@pytest.fixture
def house(catalogue: Catalogue) -> House:
    call_command("load_roles")
    people: dict[str, User | AnonymousUser] = {"anonymous": AnonymousUser()}
    people["customer"] = User.objects.create_user("customer")
    User.objects.create_user("colleague", is_staff=True)
    people["roleless"] = User.objects.create_user("roleless", is_staff=True)
    for role in ROLES:
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        people[role] = user
    people["unproven"] = people[OWNER]
    notary, other = a_notary(), a_notary()
    own, foreign = book(), book()
    if own.notary_id != notary.pk:
        notary, other = other, notary
    Notary.objects.filter(pk=notary.pk).update(user=people[NOTARY])
    assert own.notary_id == notary.pk != foreign.notary_id
    record_offline_payment(
        booking_id=own.pk,
        amount_cents=4250,
        method=PaymentMethod.CASH,
        note="",
        actor=STAFF,
        now=NOW,
        request_key="k",
    )
    Partner.objects.create(name="Gulf Title")
    return House(people=people, own=own, foreign=foreign)


def _names(resolver: Any, prefix: str = "", space: str = "") -> Iterator[tuple[str, str | None]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else space
            yield from _names(pattern, route, inner)
        elif isinstance(pattern, URLPattern) and route.startswith("admin/"):
            yield route, f"{space}{pattern.name}" if pattern.name else None


def _of_models() -> dict[str, Page]:
    """Give the pages of every model's row in the table."""
    pages = {}
    for label, rule in MODELS.items():
        name = f"admin:{label.replace('.', '_').lower()}"
        row = apps.get_model(label)._default_manager.order_by("pk").first()
        pk = str(row.pk) if row is not None else "0"
        pages[f"{name}_changelist"] = Page(rule.read, sent=rule.read)
        pages[f"{name}_add"] = Page(rule.add, sent=rule.add)
        pages[f"{name}_change"] = Page(rule.read, sent=rule.change, args=(pk,))
        pages[f"{name}_delete"] = Page(rule.delete, sent=rule.delete, args=(pk,))
        pages[f"{name}_history"] = Page(rule.read, sent=rule.read, args=(pk,))
    return pages


def _address(name: str, page: Page, house: House) -> str:
    colleague = str(User.objects.get(username="colleague").pk)
    args = [colleague if arg == "colleague" else arg for arg in page.args]
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return reverse(name, args=[house.own.pk, *args])


def test_every_address_of_the_desk_has_a_row(house: House) -> None:
    named = {name for _, name in _names(get_resolver()) if name}
    unnamed = {route for route, name in _names(get_resolver()) if not name}
    # What has no name leads to what has one, or finds nothing.
    assert all(route.endswith(("<path:object_id>/", "(?P<url>.*)$")) for route in unnamed)
    rows = PAGES.keys() | _of_models().keys() | DOOR | SHADOWED
    assert named - rows == set(), "pages without a rule: add them to the table"
    assert rows - named == set(), "rules without a page"
    assert set(MODELS) == {model._meta.label for model in admin.site._registry}


REFUSED = ("forbidden", "no method")


def _is_right(came: str, who: str, *, method: str, is_allowed: bool, name: str) -> bool:
    if who in OUTSIDE:
        # Signing out is for anybody.
        return came == "door" or name == "admin:logout"
    if is_allowed:
        # An empty form may name nothing that there is.
        return came in ("in", "nothing") or (method == "post" and came == "absent")
    if who in DESK:
        return came in (*REFUSED, "nothing") or name in MAY_BE_ABSENT
    return came in (*REFUSED, "absent", "nothing")


def test_everybody_gets_what_the_table_says_and_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Here only that each page asks; what proves a session is judged where the door is tested.
    monkeypatch.setattr(second_factor, "is_proven", lambda request: not request.session.is_empty())
    # What stands around each page is no rule of its own, and takes the longest.
    monkeypatch.setattr(UnfoldAdminSite, "each_context", lambda self, request: {})
    wrong = []
    everywhere = {**PAGES, **_of_models()}
    for name in SHADOWED:
        everywhere.pop(name, None)
    for name, page in everywhere.items():
        address = _address(name, page, house)
        for method, allowed in (("get", page.read), ("post", page.sent)):
            for who in (*OUTSIDE, *ANY_STAFF):
                came = house.ask(who, method, address, dict(page.form))
                right = _is_right(came, who, method=method, is_allowed=who in allowed, name=name)
                if not right:
                    wrong.append(f"{who} {method} {address}: {came}")
    assert wrong == []


def test_a_notary_sees_own_bookings_and_finds_no_other(house: House) -> None:
    for name, page in PAGES.items():
        own = _address(name, page, house)
        if str(house.own.pk) not in own:
            continue
        address = own.replace(str(house.own.pk), str(house.foreign.pk))
        for method in ("get", "post"):
            assert house.ask(NOTARY, method, address, dict(page.form)) in ("absent", "forbidden")
    client = Client()
    open_desk(client, house.people[NOTARY])  # type: ignore[arg-type]  # a user
    for address in ("/admin/", "/admin/week/"):
        shown = client.get(address).content.decode()
        assert house.foreign.reference not in shown
        assert str(house.foreign.notary) not in shown
    assert client.get("/api/v2/bookings").status_code == 401


def test_money_audit_and_timeline_are_edited_and_deleted_by_nobody(house: House) -> None:
    root = User.objects.create_superuser("root")
    client = Client()
    entry = TimelineEvent.objects.order_by("pk")[0]
    assert TimelineEvent not in admin.site._registry
    for person in (root, house.people[OWNER]):
        open_desk(client, person)  # type: ignore[arg-type]  # a user
        for label in (
            "payments.Payment",
            "payments.Refund",
            "payments.LedgerEntry",
            "payments.Mismatch",
            "auditlog.LogEntry",
            "bookings.Booking",
            "bookings.SlotClaim",
            "integrations.OutboxJob",
        ):
            model = apps.get_model(label)
            name = label.replace(".", "_").lower()
            before = list(model._default_manager.order_by("pk").values())
            pk = before[0][model._meta.pk.name] if before else 0
            for page in ("change", "delete"):
                answer = client.post(reverse(f"admin:{name}_{page}", args=[pk]), {"post": "yes"})
                assert answer.status_code == 403, f"{person} {label} {page}"
            assert client.post(reverse(f"admin:{name}_add"), {}).status_code == 403
            client.post(
                reverse(f"admin:{name}_changelist"),
                {"action": "delete_selected", "_selected_action": [str(pk)], "post": "yes"},
            )
            assert list(model._default_manager.order_by("pk").values()) == before, label
    assert Payment.objects.exists()
    assert LedgerEntry.objects.exists()
    assert TimelineEvent.objects.filter(pk=entry.pk, hash=entry.hash).exists()


def test_roles_say_what_the_file_says_however_often_they_are_loaded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group.objects.get(name=FINANCE)
    group.permissions.clear()
    Group.objects.get(name=NOTARY).permissions.set(Group.objects.get(name=OWNER).permissions.all())
    call_command("load_roles")
    assert group.permissions.count() == len(set(ROLES[FINANCE]))
    assert not Group.objects.get(name=NOTARY).permissions.exists()
    monkeypatch.setitem(ROLES, FINANCE, ("payments.print_money",))
    with pytest.raises(CommandError, match="print_money"):
        call_command("load_roles")
