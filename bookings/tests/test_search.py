"""Search by what people say on the phone, each way by its index, however it is written."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from bookings import search
from bookings.models import Booking
from bookings.tests.factories import NOW, STAFF, a_notary, book, customer
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """One booking, and one that never matches."""
    a_notary()
    a_notary()
    book(actor=STAFF, who=customer(name="Other", email="o@x.org", phone="+12815550188"))
    made = book(
        actor=STAFF,
        who=customer(name="José García-O'Neil", email="J_Garcia@Example.com", phone="+17135550123"),
    )
    Booking.objects.filter(pk=made.pk).update(reference="HM-7K3WQ9")
    return made


@pytest.mark.parametrize(
    "text",
    [
        *("HM-7K3WQ9", "hm-7k3", "7k3wq9", "hm 7k3wq9"),
        *("garcía", "jos gar", "o'neil", "  GARCÍA   josé "),
        *("j_garcia@example.com", "J_Garcia@", "j_gar"),
        *("+1 (713) 555-0123", "713.555.0123", "7135550123", "17135550123", "555-0123", "0123"),
    ],
)
def test_it_finds_the_booking_however_it_is_asked_for(booking: Booking, text: str) -> None:
    assert search.find(text, now=NOW) == [booking.pk]


@pytest.mark.parametrize(
    "text",
    [
        *("HM-7K3WQ8", "jxgarcia@example.com", "garc'a | other", "713 555 0124", "smith"),
        *("", "  ", "a", "12", "%", "&", "':*", "HM-%", "\\", "<!--"),
    ],
)
def test_what_does_not_match_or_means_nothing_finds_nothing(booking: Booking, text: str) -> None:
    assert search.find(text, now=NOW) == []


def test_the_oldest_are_found_where_the_new_ones_are_too_few(
    booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_notary()
    long_ago = book(actor=STAFF, who=customer(name="Ana García")).pk
    Booking.objects.filter(pk=long_ago).update(
        starts_at=NOW - timedelta(days=900), ends_at=NOW - timedelta(days=899)
    )
    assert search.find("garcía", now=NOW) == [booking.pk, long_ago]
    # As many new ones as are listed: the old ones are not looked for.
    monkeypatch.setattr(search, "MOST", 1)
    assert search.find("garcía", now=NOW) == [booking.pk]


# On a page or two every plan would cost the same.
MANY = """
    INSERT INTO bookings_booking SELECT (made.new).* FROM (
        SELECT jsonb_populate_record(NULL::bookings_booking, to_jsonb(b) || jsonb_build_object(
            'id', gen_random_uuid(), 'reference', 'HM-' || lpad(to_hex(n * 8191), 7, '0'),
            'customer_name', md5(n::text), 'customer_email', md5(n::text) || '@example.com',
            'customer_phone', '+1713555' || lpad(n::text, 4, '0'), 'access_hash', md5(n::text)
        )) AS new
        FROM (SELECT * FROM bookings_booking LIMIT 1) AS b, generate_series(1, 1000) AS n
    ) AS made
"""


@pytest.mark.parametrize(
    ("text", "indexes"),
    [
        ("HM-7K3", {"reference"}),
        ("ada@exam", {"booking_email_search"}),
        ("(713) 555-0123", {"booking_phone_search"}),
        ("ada customer", {"booking_name_search"}),
        ("bcdfgh", {"reference", "booking_name_search", "booking_email_search"}),
    ],
)
def test_each_way_goes_by_its_index_at_a_scale_worth_it(
    booking: Booking, text: str, indexes: set[str]
) -> None:
    asked = search.statement(text, now=NOW)
    assert asked is not None
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(MANY)
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE bookings_booking")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {asked[0]}", asked[1])
        plan = cursor.fetchone()[0]
    told = plan if isinstance(plan, str) else json.dumps(plan)
    assert "Seq Scan" not in told
    for index in indexes:
        assert index in told, told
