"""Staff edit the whole catalogue in dollars and times of day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.forms import BaseForm
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from hmnp.accounts.tests.desk_door import open_desk
from services.models import PromoCode, Service, ServiceArea, StatutoryRate
from services.tests.fixtures import Catalogue


@pytest.fixture
def staff(client: Client, catalogue: Catalogue) -> Client:
    open_desk(client, User.objects.create_superuser("owner"))
    return client


def change_url(row: Any) -> str:
    return reverse(f"admin:services_{row._meta.model_name}_change", args=[row.pk])


def ask(url: str, data: dict[str, Any] | None = None) -> Any:
    """Ask the page's own view and leave its answer undrawn.

    A page of a hundred fields takes longer to draw than all the rest of a test.
    """
    factory = RequestFactory()
    request: Any = factory.get(url) if data is None else factory.post(url, data)
    request.user = User.objects.get(username="owner")
    request._messages = CookieStorage(request)
    request._dont_enforce_csrf_checks = True
    # The one that `staff` has opened.
    request.session = SessionStore(Session.objects.get().pk)
    view = resolve(url)
    return view.func(request, *view.args, **view.kwargs)


def settle(url: str, data: dict[str, Any]) -> Any:
    """Send a form, and send it again once its effect was shown; give the last answer."""
    response = ask(url, data)
    if response.status_code != 200 or "confirmed" not in response.context_data:
        return response
    return ask(url, data | {"_confirmed": response.context_data["confirmed"]})


def form_of(url: str) -> dict[str, Any]:
    """Give what a browser would send if nobody changed a thing."""
    context = ask(url).context_data
    forms: list[BaseForm] = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    data: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if value is True:
                data[bound.html_name] = "on"
            elif value is not None and value is not False:
                data[bound.html_name] = value
            widget = getattr(bound.field.widget, "widgets", None)
            if widget and bound.field.__class__.__name__ == "SplitDateTimeField":
                data.pop(bound.html_name, None)
    return data


@pytest.mark.parametrize("model", ["service", "servicearea", "statutoryrate", "promocode"])
def test_every_list_and_page_opens(staff: Client, model: str) -> None:
    assert staff.get(reverse(f"admin:services_{model}_changelist")).status_code == 200
    assert staff.get(reverse(f"admin:services_{model}_add")).status_code == 200
    rows = {
        "service": Service,
        "servicearea": ServiceArea,
        "statutoryrate": StatutoryRate,
        "promocode": PromoCode,
    }
    page = staff.get(change_url(rows[model]._default_manager.first()))
    assert page.status_code == 200


def test_money_is_shown_in_dollars_and_hours_as_times(staff: Client) -> None:
    page = staff.get(change_url(Service.objects.get(slug="ron"))).content.decode()
    assert 'value="35"' in page
    assert 'value="00:00"' in page
    assert 'value="24:00"' in page


def test_saving_without_a_change_changes_nothing(staff: Client, catalogue: Catalogue) -> None:
    for slug in ("standard-notary", "ron"):
        service = Service.objects.get(slug=slug)
        before = Service.objects.filter(slug=slug).values().get()
        response = ask(change_url(service), form_of(change_url(service)))
        assert response.status_code == 302, response.context_data["changed"]
        after = Service.objects.filter(slug=slug).values().get()
        assert {**after, "updated_at": None} == {**before, "updated_at": None}
        assert service.rules.count() in (6, 3)


def test_a_price_and_an_hour_are_stored_in_cents_and_minutes(staff: Client) -> None:
    service = Service.objects.get(slug="standard-notary")
    url = change_url(service)
    data = form_of(url) | {"base_price_cents": "89.50", "hours-0-closes_minute": "18:30"}
    assert settle(url, data).status_code == 302
    service.refresh_from_db()
    assert service.base_price_cents == 8950
    assert service.hours.order_by("weekday")[0].closes_minute == 18 * 60 + 30


@pytest.mark.parametrize(
    "change",
    [
        {"base_price_cents": "-1"},
        {"base_price_cents": "1.005"},
        {"hours-0-opens_minute": "25:00"},
        {"hours-0-opens_minute": "nine"},
        {"hours-0-opens_minute": "18:00"},
        {"type": "RON"},
        {"area": ""},
        {"included_miles": "51"},
        {"timezone": "Houston"},
        {"deposit_value": "101"},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(staff: Client, change: dict[str, str]) -> None:
    service = Service.objects.get(slug="standard-notary")
    before = Service.objects.filter(pk=service.pk).values().get()
    response = ask(change_url(service), form_of(change_url(service)) | change)
    assert response.status_code == 200
    assert response.context_data["errors"]
    assert Service.objects.filter(pk=service.pk).values().get() == before


@pytest.mark.parametrize(
    ("change", "is_saved"),
    [
        ({"base_price_cents": "35.00"}, True),
        ({"base_price_cents": "35.01"}, False),
        ({"base_price_cents": "45", "included_documents": "2"}, True),
        ({"rules-0-amount_cents": "10.01"}, False),  # EXTRA_DOCUMENT
        ({"rules-1-amount_cents": "1.01"}, False),  # EXTRA_SIGNER
        ({"rules-2-is_active": "on"}, False),  # LATE_NIGHT
        ({"rules-2-amount_cents": "25"}, True),
        ({"rules-1-amount_cents": ""}, False),
        ({"rules-2-code": "EMERGENCY"}, False),
        ({"base_price_cents": "", "included_signers": ""}, False),
    ],
)
def test_online_nothing_above_the_legal_maximum_can_be_saved(
    staff: Client, change: dict[str, str], is_saved: bool
) -> None:
    url = change_url(Service.objects.get(slug="ron"))
    response = settle(url, form_of(url) | change)
    assert (response.status_code == 302) is is_saved, response


@pytest.mark.parametrize(
    ("change", "is_saved"),
    [
        ({}, True),
        ({"bands-1-up_to_miles": "29"}, False),
        ({"bands-1-up_to_miles": "31"}, False),
        ({"bands-3-up_to_miles": "49"}, False),
        ({"bands-2-DELETE": "on"}, False),
        ({"last_served_mile": "40", "bands-3-DELETE": "on"}, True),
    ],
)
def test_bands_follow_each_other_to_the_last_mile(
    staff: Client, change: dict[str, str], is_saved: bool
) -> None:
    url = change_url(ServiceArea.objects.get())
    response = settle(url, form_of(url) | change)
    assert (response.status_code == 302) is is_saved


def test_a_rate_ends_the_one_before_overlaps_none_and_stays_within_the_law(staff: Client) -> None:
    url = reverse("admin:services_statutoryrate_add")
    rate = {"code": "ACT_FIRST_SIGNER", "amount_cents": "10", "valid_from": "2028-01-01"}
    for change in ({"amount_cents": "10.01"}, {"valid_from": "2023-08-31"}):
        assert ask(url, rate | change).context_data["errors"]
    assert settle(url, rate).status_code == 302
    assert list(
        StatutoryRate.objects.filter(code=rate["code"]).values_list("valid_from", "valid_until")
    ) == [(date(2023, 9, 1), date(2028, 1, 1)), (date(2028, 1, 1), None)]
    overlapping = {"valid_from": "2027-01-01", "valid_until": "2027-02-01"}
    assert ask(url, rate | overlapping).context_data["errors"]


def test_a_promo_code_is_kept_in_capitals_and_its_uses_are_not_overwritten(
    staff: Client,
) -> None:
    promo = PromoCode.objects.get(code="SAVE15")
    url = change_url(promo)
    data = form_of(url) | {"code": "save20", "amount_cents": "20", "times_used": "0"}
    PromoCode.objects.update(times_used=3)
    assert settle(url, data).status_code == 302
    promo.refresh_from_db()
    assert (promo.code, promo.amount_cents, promo.times_used) == ("SAVE20", 2000, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "PERCENT"},
        {"percent": "10"},
        {"amount_cents": "0"},
        {"code": "a b"},
        {
            "valid_from_0": "2030-01-02",
            "valid_from_1": "00:00",
            "valid_until_0": "2030-01-01",
            "valid_until_1": "00:00",
        },
    ],
)
def test_a_promo_code_that_makes_no_sense_is_refused(staff: Client, change: dict[str, str]) -> None:
    url = change_url(PromoCode.objects.get(code="SAVE15"))
    response = ask(url, form_of(url) | change)
    assert response.status_code == 200
    assert PromoCode.objects.get(code="SAVE15").amount_cents == 1500


def test_a_new_promo_code_can_be_made(staff: Client) -> None:
    new = {"code": "new5", "kind": "FIXED", "percent": "0", "amount_cents": "5"}
    new |= {"minimum_cents": "0", "is_active": "on"}
    assert settle(reverse("admin:services_promocode_add"), new).status_code == 302
    assert PromoCode.objects.get(code="NEW5").amount_cents == 500
