"""Where a ZIP code is, how far that is from the centre, and what the ride costs. Pure.

A fee goes by geodesic miles between points, unrounded; never by road or by drive time.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

import zipcodes
from geopy.distance import geodesic

from hmnp.core.money import cents
from services.definitions import Point, ServiceArea, TravelBand
from services.errors import OutOfServiceArea, UnknownZip


@lru_cache(maxsize=4096)
def zip_point(*, zip_code: str) -> Point:
    """Give the point of a five-digit ZIP code. Raises `UnknownZip`."""
    if re.fullmatch(r"[0-9]{5}", zip_code):
        found = zipcodes.matching(zip_code)  # type: ignore[no-untyped-call]  # only partly typed
        for entry in found:
            lat, lng = float(entry["lat"]), float(entry["long"])
            # The data writes 0, 0 where it has no coordinates; as a point that is the Atlantic.
            if (lat, lng) != (0.0, 0.0):
                return Point(lat=lat, lng=lng)
    raise UnknownZip(field="zip")


@lru_cache(maxsize=65536)
def miles_between(*, a: Point, b: Point) -> float:
    """Give the geodesic distance in statute miles."""
    return float(geodesic((a.lat, a.lng), (b.lat, b.lng)).miles)


def distance_miles(*, area: ServiceArea, zip_code: str) -> float:
    """Give the miles from the area's centre to a ZIP code. Raises `UnknownZip`."""
    return miles_between(a=area.centre, b=zip_point(zip_code=zip_code))


def band_of(*, area: ServiceArea, miles: float) -> TravelBand | None:
    """Give the band a distance falls in; within the included miles there is none."""
    if miles <= area.included_miles:
        return None
    bands = (band for band in area.bands if band.over_miles < miles <= band.up_to_miles)
    return next(bands, None)


def travel_fee_cents(*, area: ServiceArea, miles: float) -> int:
    """Give the fee for a distance in cents: nothing within the included miles, else the band's.

    Raises `OutOfServiceArea` beyond the last served mile and in a gap between bands, so that no
    distance is ever priced at 0 by mistake.
    """
    if miles > area.last_served_mile:
        raise OutOfServiceArea(field="zip")
    if miles <= area.included_miles:
        return 0
    if not area.bands:
        beyond = Decimal(miles) - area.included_miles
        return cents(beyond * area.per_mile_cents / 100)
    band = band_of(area=area, miles=miles)
    if band is None:
        raise OutOfServiceArea(field="zip")
    return band.fee_cents
