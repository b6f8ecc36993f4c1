"""The words of each text: whose they are, which booking, when and in which zone, in one part."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings.models import Booking
from integrations.sms import mapping
from integrations.states import MessageKind
from integrations.tests.cast import NAME, STREET, make_booking
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

# GSM's alphabet without what costs two; a text that has more is cut into parts of 67.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


@pytest.mark.parametrize("kind", sorted(mapping.KINDS))
@pytest.mark.parametrize("slug", ["standard", "ron"])
def test_every_text_fits_into_one_part_with_how_to_stop(
    catalogue: Catalogue, kind: MessageKind, slug: str
) -> None:
    booking = make_booking(
        getattr(catalogue, slug),
        # The longest a moment gets.
        starts_at=datetime(2026, 9, 30, 16, 30, tzinfo=UTC),
        ron_join_url="https://p.example/oc",
    )
    text = mapping.with_stop(mapping.compose(kind=kind, booking=booking), booking=booking)
    assert set(text) <= GSM
    assert len(text) <= 160, (len(text), text)
    assert text.startswith("Houston Mobile Notary Pros: ")
    assert booking.reference in text
    assert "Wed 30 Sep, 11:30 am Central" in text
    for personal in (NAME, STREET, "token="):
        assert personal not in text


def test_no_two_kinds_begin_alike(booking: Booking) -> None:
    """A text of unknown fate is recognised by its words."""
    texts = [mapping.compose(kind=kind, booking=booking) for kind in mapping.KINDS]
    assert not [
        (one, other)
        for one in texts
        for other in texts
        if one is not other and other.startswith(one)
    ]


def at(year: int, month: int, day: int, hour: int) -> datetime:
    """Half past an hour, in UTC."""
    return datetime(year, month, day, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("utc", "zone", "said"),
    [
        (at(2026, 12, 1, 15), "America/Chicago", "Tue 1 Dec, 9:30 am Central"),
        (at(2026, 12, 1, 15), "America/Denver", "Tue 1 Dec, 8:30 am Mountain"),
        (at(2027, 3, 14, 7), "America/Chicago", "Sun 14 Mar, 1:30 am Central"),
        (at(2027, 3, 14, 8), "America/Chicago", "Sun 14 Mar, 3:30 am Central"),
        # The hour that the clocks repeat says which of the two is meant.
        (at(2026, 11, 1, 6), "America/Chicago", "Sun 1 Nov, 1:30 am CDT"),
        (at(2026, 11, 1, 7), "America/Chicago", "Sun 1 Nov, 1:30 am CST"),
    ],
)
def test_a_moment_is_told_by_the_clock_where_the_booking_is(
    utc: datetime, zone: str, said: str
) -> None:
    fields: dict[str, Any] = {"starts_at": utc, "ends_at": utc + timedelta(hours=1)}
    assert mapping.moment(Booking(timezone=zone, **fields)) == said
