"""Money is integer cents inside; dollars exist only at the edge."""

from decimal import ROUND_HALF_UP, Decimal

CURRENCY = "USD"


def dollars(cents: int) -> float:
    """Give `cents` as the JSON number of dollars with at most two decimals."""
    return cents / 100


def cents(amount: Decimal) -> int:
    """Give a dollar `amount` as whole cents; half a cent rounds up."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def percent_of(amount_cents: int, percent: Decimal) -> int:
    """Give `percent` of `amount_cents`, rounded half up to the cent, once."""
    return int((amount_cents * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def show(amount_cents: int) -> str:
    """Give an amount as people read it: `$1,042.50`, or `-$5.00` for a credit."""
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}${abs(amount_cents) / 100:,.2f}"
