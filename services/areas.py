"""How far a ZIP code is from where we start, kept for all processes: family `area`, one day.

Finding a ZIP code in the list takes a fresh process milliseconds. Quotes that somebody is held to
count it themselves (`services.travel`); this is for what is only shown.
"""

from __future__ import annotations

import json

from hmnp.core.cache import Family, fetch_one
from services import travel
from services.definitions import ServiceArea
from services.errors import UnknownZip

AREA = Family("area", 24 * 3600)


def check_served(*, area: ServiceArea, zip_code: str) -> float:
    """Give the miles to a ZIP code we go to. Raises `UnknownZip` and `OutOfServiceArea`."""

    def build() -> bytes:
        try:
            miles: float | None = travel.distance_miles(area=area, zip_code=zip_code)
        except UnknownZip:
            miles = None
        return json.dumps(miles).encode()

    key = f"{zip_code}:{area.centre.lat},{area.centre.lng}"
    miles: float | None = json.loads(fetch_one(family=AREA, key=key, build=build))
    if miles is None:
        raise UnknownZip(field="zip")
    travel.travel_fee_cents(area=area, miles=miles)
    return miles
