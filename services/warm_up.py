"""Loading what the first price would otherwise wait seconds for."""

from datetime import date

from services.federal_holidays import is_federal_holiday
from services.travel import zip_point


def warm_up() -> None:
    """Read the ZIP points and the holiday rules into the process."""
    zip_point(zip_code="77591")
    is_federal_holiday(date(2027, 1, 1))
