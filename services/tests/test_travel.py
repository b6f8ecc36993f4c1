from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from services.definitions import Point, ServiceArea
from services.errors import OutOfServiceArea, UnknownZip
from services.tests.factories import standard_service
from services.travel import (
    band_of,
    distance_miles,
    miles_between,
    travel_fee_cents,
    zip_point,
)


@pytest.fixture
def area() -> ServiceArea:
    area = standard_service().area
    assert area is not None
    return area


@pytest.mark.parametrize(
    ("miles", "fee"),
    [
        (0.0, 0),
        (20.0, 0),
        (20.000001, 2500),
        (20.1, 2500),
        (30.0, 2500),
        (30.1, 4500),
        (40.0, 4500),
        (40.1, 6500),
        (50.0, 6500),
    ],
)
def test_a_band_ends_with_its_last_mile(area: ServiceArea, miles: float, fee: int) -> None:
    assert travel_fee_cents(area=area, miles=miles) == fee


@pytest.mark.parametrize(("miles", "fee"), [(20.1, 0), (30.0, 0), (30.1, 4500), (50.0, 6500)])
def test_beyond_a_wider_radius_the_whole_fee_of_the_band_applies(
    area: ServiceArea, miles: float, fee: int
) -> None:
    wider = replace(area, included_miles=Decimal(30))
    assert travel_fee_cents(area=wider, miles=miles) == fee


@pytest.mark.parametrize("miles", [50.000001, 50.1, 6000.0])
def test_beyond_the_last_mile_nobody_drives(area: ServiceArea, miles: float) -> None:
    with pytest.raises(OutOfServiceArea):
        travel_fee_cents(area=area, miles=miles)


def test_a_gap_between_bands_is_refused_not_free(area: ServiceArea) -> None:
    gap = replace(area, bands=tuple(band for band in area.bands if band.over_miles != 30))
    assert travel_fee_cents(area=gap, miles=45) == 6500
    with pytest.raises(OutOfServiceArea):
        travel_fee_cents(area=gap, miles=35)


def test_within_the_included_miles_there_is_no_band(area: ServiceArea) -> None:
    assert band_of(area=area, miles=19) is None
    found = band_of(area=area, miles=21)
    assert found is not None
    assert (found.over_miles, found.up_to_miles) == (Decimal(20), Decimal(30))


def test_without_bands_the_rate_counts_the_miles_beyond(area: ServiceArea) -> None:
    by_mile = replace(area, bands=(), per_mile_cents=125)
    assert travel_fee_cents(area=by_mile, miles=20) == 0
    assert travel_fee_cents(area=by_mile, miles=25.5) == 688  # 5.5 × 1.25 = 6.875


@pytest.mark.parametrize(
    ("zip_code", "miles"),
    [("77591", 0.0), ("77573", 10.8), ("77581", 20.5), ("77002", 33.7), ("77450", 50.8)],
)
def test_distances_are_geodesic_from_the_centre(
    area: ServiceArea, zip_code: str, miles: float
) -> None:
    assert round(distance_miles(area=area, zip_code=zip_code), 1) == miles


@pytest.mark.parametrize(
    "zip_code", ["", "7759", "775911", "77591-1234", "abcde", "00000", "77352", "٧٧٥٩١"]
)
def test_an_unknown_zip_is_refused(zip_code: str) -> None:
    with pytest.raises(UnknownZip) as refusal:
        zip_point(zip_code=zip_code)
    assert (refusal.value.code, refusal.value.status) == ("UNKNOWN_ZIP", 422)


def test_a_zip_has_a_point() -> None:
    assert zip_point(zip_code="77591") == Point(lat=29.3891, lng=-94.9942)


def test_the_way_there_is_as_long_as_the_way_back() -> None:
    a, b = zip_point(zip_code="77002"), zip_point(zip_code="77058")
    assert miles_between(a=a, b=b) == pytest.approx(miles_between(a=b, b=a))
