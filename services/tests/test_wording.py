"""A service in plain words, whatever staff make of its rows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from services import wording
from services.definitions import DepositKind, Hours, RateCode
from services.tests.fixtures import Catalogue
from services.wording import Amount

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ([(1, 540, 1020)], "Monday, 9 am to 5 pm"),
        ([(1, 540, 1020), (2, 540, 1020), (4, 540, 1020)], "Monday to Tuesday, 9 am to 5 pm"),
        ([(6, 570, 720), (6, 780, 1050)], "Saturday, 9:30 am to noon and 1 pm to 5:30 pm"),
        ([(1, 540, 1020), (7, 0, 1440)], "Monday, 9 am to 5 pm; Sunday, midnight to midnight"),
    ],
)
def test_hours_are_said_as_they_are(
    catalogue: Catalogue, windows: list[tuple[int, int, int]], said: str
) -> None:
    service = replace(catalogue.standard, hours=tuple(Hours(*window) for window in windows))

    assert wording.hours(service).startswith(said)


def test_days_with_a_gap_are_not_joined(catalogue: Catalogue) -> None:
    service = replace(
        catalogue.standard, hours=tuple(Hours(day, 540, 1020) for day in (1, 2, 4, 5))
    )

    assert wording.hours(service) == (
        "Monday to Tuesday, 9 am to 5 pm; Thursday to Friday, 9 am to 5 pm"
    )


def test_what_is_included_is_counted(catalogue: Catalogue) -> None:
    assert wording.included(catalogue.standard) == [
        "One visit of 1 hour",
        "Up to 4 documents and 2 signers",
        "Travel up to 20 miles from ZIP 77591",
    ]
    assert wording.included(catalogue.loan)[1] == ("All documents of the package, up to 4 signers")
    assert wording.included(catalogue.ron)[:2] == [
        "One session of 30 minutes",
        "Up to 1 notarial act and 1 signer",
    ]


def test_extras_online_are_for_each_act(catalogue: Catalogue) -> None:
    assert wording.extras(catalogue.ron) == [
        Amount("Each notarial act above 1", "+$10"),
        Amount("Each signer above 1, for each act", "+$1"),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (DepositKind.NONE, 0, "Paid at the appointment"),
        (DepositKind.FIXED, 4050, "$40.50 now by card, the rest at the door"),
        (DepositKind.PERCENT, 50, "Half now by card, the rest at the door"),
        (DepositKind.PERCENT, 30, "30 % now by card, the rest at the door"),
        (DepositKind.FULL, 0, "Paid in full by card when you book"),
    ],
)
def test_what_is_paid_when(catalogue: Catalogue, kind: DepositKind, value: int, said: str) -> None:
    service = replace(catalogue.standard, deposit_kind=kind, deposit_value=value)

    assert wording.due_note(service) == said


def test_bands_begin_where_the_free_ride_ends(catalogue: Catalogue) -> None:
    area = catalogue.standard.area
    assert area is not None
    service = replace(catalogue.standard, area=replace(area, included_miles=Decimal("25.5")))

    assert wording.travel_bands(service)[:2] == [
        Amount("Up to 25.5 miles", "included"),
        Amount("Over 25.5 to 30 miles", "$25"),
    ]
    assert wording.travel_bands(catalogue.ron) == []


def test_a_rate_the_data_lacks_is_not_made_up() -> None:
    assert wording.rate_on_sale((), RateCode.ONLINE_ACT) == 0
