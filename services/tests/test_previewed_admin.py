"""Staff see what a change of the catalogue does before they save it; the law is not passed by."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from services.catalogue import require_service
from services.catalogue_examples import compare, examples
from services.models import LegalMaximum, PriceRule, PromoCode, Service, ServiceArea, StatutoryRate
from services.tests.fixtures import Catalogue
from services.tests.test_admin import ask, change_url, form_of, settle, staff

__all__ = ["staff"]


def shown(response: Any) -> list[tuple[str, str]]:
    """Give the totals before and after of each example on the page."""
    return [(one.before.total, one.after.total) for one in response.context_data["comparisons"]]


def test_the_examples_are_the_worked_ones(catalogue: Catalogue) -> None:
    def totals(*services: Any) -> list[str]:
        return [
            compare(example=one, before=one.service, after=one.service).after.total
            for one in examples(services=services, day=date(2027, 3, 1))
        ]

    assert totals(catalogue.standard) == ["$85.00", "$155.00", "$150.00"]
    assert totals(catalogue.ron) == ["$35.00", "$58.00", "$36.00"]
    assert len(totals(catalogue.standard, catalogue.extended, catalogue.loan, catalogue.ron)) == 3
    assert totals() == []


def test_a_change_is_shown_first_and_saved_when_it_was_seen(staff: Client) -> None:
    service = Service.objects.get(slug="standard-notary")
    url = change_url(service)
    data = form_of(url) | {"base_price_cents": "95", "deposit_value": "40"}
    page = ask(url, data)
    assert shown(page) == [
        ("$85.00", "$95.00"),
        ("$155.00", "$165.00"),
        ("$150.00", "$160.00"),
    ]
    assert re.search(r"(?s)<h1\b.*Before it is saved: service.*</h1>", page.rendered_content)
    assert "half an hour" in page.context_data["notes"][0]
    assert "Base price" in page.context_data["changed"] or "base price" in page.rendered_content
    assert require_service(id_or_slug=service.slug).base_price_cents == 8500, "nothing is saved"
    assert not LogEntry.objects.get_for_object(service).filter(action=1).exists()

    confirmed = {"_confirmed": page.context_data["confirmed"]}
    other = ask(url, data | {"base_price_cents": "96"} | confirmed)
    assert shown(other)[0] == ("$85.00", "$96.00"), "another form than the one that was shown"
    assert other.context_data["is_outdated"]
    assert ask(url, data | confirmed).status_code == 302
    now = require_service(id_or_slug=service.slug)
    assert (now.base_price_cents, now.deposit_value) == (9500, 40), "and it counts at once"
    entry = LogEntry.objects.get_for_object(service).get(action=LogEntry.Action.UPDATE)
    assert entry.changes["base_price_cents"] == ["8500", "9500"]


def test_what_somebody_else_changed_meanwhile_is_looked_at_again(staff: Client) -> None:
    url = change_url(Service.objects.get(slug="standard-notary"))
    data = form_of(url) | {"base_price_cents": "95"}
    confirmed = {"_confirmed": ask(url, data).context_data["confirmed"]}
    PriceRule.objects.filter(service__slug="standard-notary", code="WEEKEND").update(amount_cents=1)
    again = ask(url, data | confirmed)
    assert again.context_data["is_outdated"]
    assert require_service(id_or_slug="standard-notary").base_price_cents == 8500
    assert ask(url, data | {"_confirmed": again.context_data["confirmed"]}).status_code == 302


def test_a_form_can_be_changed_further_as_it_was_sent(staff: Client) -> None:
    url = change_url(Service.objects.get(slug="standard-notary"))
    page = ask(url, form_of(url) | {"base_price_cents": "95", "_edit": "1"})
    assert page.context_data["adminform"].form["base_price_cents"].value() == "95"
    assert Service.objects.get(slug="standard-notary").base_price_cents == 8500


@pytest.mark.parametrize(
    ("row", "change", "expected"),
    [
        (
            ServiceArea.objects.get,
            {"bands-2-fee_cents": "50"},  # 30 to 40 miles: the second example goes downtown
            [False, True, False],
        ),
        (
            lambda: StatutoryRate.objects.get(code="ACT_FIRST_SIGNER"),
            {"source": "The same, said otherwise"},
            [False, False, False],
        ),
        (
            lambda: PromoCode.objects.get(code="SAVE15"),
            {"amount_cents": "20"},  # of a hundred and more, which only the second comes to
            [False, True, False],
        ),
    ],
)
def test_areas_rates_and_codes_show_what_they_do(
    staff: Client, row: Callable[[], Any], change: dict[str, str], expected: list[bool]
) -> None:
    url = change_url(row())
    page = ask(url, form_of(url) | change)
    assert [one.differs for one in page.context_data["comparisons"]] == expected
    assert settle(url, form_of(url) | change).status_code == 302


def test_nothing_of_the_catalogue_is_deleted_in_the_admin(staff: Client) -> None:
    for model in (PromoCode, Service, ServiceArea, StatutoryRate):
        url = change_url(model._default_manager.first()).replace("change", "delete")
        assert staff.post(url, {"post": "yes"}).status_code == 403


def _dear(ron: Service) -> None:
    Service.objects.filter(pk=ron.pk).update(base_price_cents=3501)


def _dear_rule(ron: Service) -> None:
    PriceRule.objects.filter(service=ron, code="LATE_NIGHT").update(is_active=True)


def _dear_type(ron: Service) -> None:
    Service.objects.filter(slug="standard-notary").update(
        type="RON", area=None, included_miles=None
    )


def _dear_rate(ron: Service) -> None:
    StatutoryRate.objects.filter(code="ONLINE_ACT").update(amount_cents=2501)


def _lower_rate(ron: Service) -> None:
    StatutoryRate.objects.filter(code="ONLINE_ACT").update(amount_cents=2400)


def _no_rate(ron: Service) -> None:
    StatutoryRate.objects.filter(code="ONLINE_ACT").delete()


def _later_rate(ron: Service) -> None:
    StatutoryRate.objects.filter(code="ONLINE_ACT").update(valid_until="2028-01-01")


@pytest.mark.parametrize(
    "act", [_dear, _dear_rule, _dear_type, _dear_rate, _lower_rate, _no_rate, _later_rate]
)
def test_the_database_refuses_what_the_law_does_not_allow(
    catalogue: Catalogue, act: Callable[[Service], None]
) -> None:
    ron = Service.objects.get(slug="ron")
    with pytest.raises(IntegrityError, match="law"), transaction.atomic():
        act(ron)
    Service.objects.filter(pk=ron.pk).update(base_price_cents=3500)


def test_a_shell_is_told_the_same_by_full_clean(catalogue: Catalogue) -> None:
    ron = Service.objects.get(slug="ron")
    ron.base_price_cents = 3501
    rule = ron.rules.get(code="EXTRA_DOCUMENT")
    rule.amount_cents = 1001
    rate = StatutoryRate.objects.get(code="ONLINE_ACT")
    rate.amount_cents = 2501
    for row in (ron, rule, rate):
        with pytest.raises(ValidationError, match="The law allows at most"):
            row.full_clean()
    # The law as it may be from 2028 on, come with a release.
    LegalMaximum.objects.create(code="ONLINE_ACT", amount_cents=2800, valid_from="2028-01-01")
    with pytest.raises(ValidationError):
        rate.full_clean()
    StatutoryRate(code="ONLINE_ACT", amount_cents=2800, valid_from=date(2028, 1, 1)).full_clean()


def test_a_refusal_by_the_database_is_told_on_the_page(staff: Client) -> None:
    url = change_url(StatutoryRate.objects.get(code="ONLINE_ACT"))
    page = ask(url, form_of(url) | {"amount_cents": "24"})
    assert "than the law allows" in page.context_data["refusal"]
    assert "_confirmed" not in page.rendered_content
    assert StatutoryRate.objects.get(code="ONLINE_ACT").amount_cents == 2500
