"""What V1 rows are and what becomes of them. No Django."""

from __future__ import annotations

from enum import StrEnum


class Table(StrEnum):
    """The tables of V1 that are taken over, in the order they are."""

    SERVICE = "Service"
    PROMO_CODE = "PromoCode"
    NOTARY = "notary_profiles"
    BOOKING = "Booking"
    PAYMENT = "Payment"


class RowState(StrEnum):
    """PENDING: read, not looked at. CHANGED: taken over, and V1 has changed it since. Each row
    ends IMPORTED (a row of its own here), MERGED (into one that is here) or REJECTED.
    """

    PENDING = "PENDING"
    CHANGED = "CHANGED"
    IMPORTED = "IMPORTED"
    MERGED = "MERGED"
    REJECTED = "REJECTED"


class Capability(StrEnum):
    """What is moved from V1 to V2, each by a switch of its own."""

    PAGES = "v2-pages"
    BOOKING = "v2-booking"
    READS = "v2-reads"
    AVAILABILITY = "v2-availability"


class Verdict(StrEnum):
    """What a look at a V1 booking through V2's eyes found."""

    SAME = "SAME"
    OTHER_PRICE = "OTHER_PRICE"
    REFUSED = "REFUSED"
    UNREADABLE = "UNREADABLE"
