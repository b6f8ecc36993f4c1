"""The owner's page: every figure beside its target, and plain words where there is none yet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from bookings.tests.browsing import text_of
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.desk import metric_rollup
from hmnp.desk.dashboard_charts import HEIGHT, draw
from hmnp.desk.dashboard_figures import read_figures
from hmnp.desk.dashboard_funnel import funnels
from hmnp.desk.dashboard_panels import panels
from hmnp.desk.dashboard_spans import CHOICES, Piece, span_of
from hmnp.desk.dashboard_words import number, percent
from hmnp.desk.models import MetricBucket

NOW = datetime(2027, 3, 16, 15, 4, 5, tzinfo=UTC)
PAGE = "/admin/desk/dashboard/"
Row = tuple[str, str, str, int, float]


def fill(rows: Iterable[Row], *, grain: str = "H", at: datetime = NOW) -> None:
    hour = metric_rollup.hour_of(at)
    for metric, subject, outcome, count, total in rows:
        MetricBucket.objects.create(
            grain=grain,
            starts_at=hour,
            metric=metric,
            subject=subject,
            outcome=outcome,
            count=count,
            total=total,
        )


# Each panel: what meets its target by a hair, how it reads, what misses it by one.
EDGES: dict[str, tuple[list[Row], str, Row]] = {
    "uptime": (
        [("uptime", "site", "up", 999, 0), ("uptime", "site", "down", 1, 0)],
        "99.9 %",
        ("uptime", "site", "down", 1, 0),
    ),
    "answers": (
        [("request", "GET /", "2xx", 10, 2000)],
        "200 ms",
        ("request", "GET /", "4xx", 1, 900),
    ),
    "errors": (
        [("request", "GET /", "2xx", 999, 0), ("request", "GET /", "5xx", 1, 0)],
        "0.1 %",
        ("request", "GET /x", "5xx", 1, 0),
    ),
    "payments": (
        [
            ("payment", "card", "succeeded", 99, 0),
            ("payment", "card", "failed", 1, 0),
            ("payment", "card", "declined", 50, 0),
            ("payment", "card", "abandoned", 50, 0),
        ],
        "99 %",
        ("payment", "card ", "failed", 1, 0),
    ),
    "completion": (
        [("completion", "customers", "paid", 9, 0), ("completion", "customers", "not_paid", 1, 0)],
        "90 %",
        ("completion", "customers ", "not_paid", 1, 0),
    ),
    "at-once": (
        [("integration", "mail", "at_once", 19, 0), ("integration", "ghl", "later", 1, 0)],
        "95 %",
        ("integration", "sms", "given_up", 1, 0),
    ),
    "in-the-end": (
        [("integration", "mail", "at_once", 19, 0), ("integration", "ghl", "later", 1, 0)],
        "100 %",
        ("integration", "sms", "given_up", 1, 0),
    ),
    "cache": (
        [("cache", "slots", "hit", 95, 0), ("cache", "area", "miss", 5, 0)],
        "95 %",
        ("cache", "slots", "miss", 1, 0),
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("code", EDGES)
def test_a_figure_meets_its_target_to_the_hair(code: str) -> None:
    rows, reads, worse = EDGES[code]
    span = span_of(code="hours", now=NOW)

    def panel() -> Any:
        return next(one for one in panels(read_figures(span=span)) if one.code == code)

    assert (panel().value, panel().verdict) == ("no data yet", "no data yet")
    fill(rows, at=NOW - timedelta(hours=3))
    assert (panel().value, panel().verdict) == (reads, "meets its target")
    fill([worse])
    assert panel().verdict == "misses its target"


@pytest.mark.django_db
def test_a_booking_takes_what_its_steps_take_together() -> None:
    routes = [
        "GET /book/{slug}/when/",
        "POST /book/{slug}/when/",
        "GET /book/{slug}/details/",
        "POST /book/{slug}/details/",
        "GET /book/pay/",
        "POST /book/pay/intent",
        "GET /book/pay/return",
        "GET /book/confirmed/{booking_id}/",
    ]
    fill(("request", route, "2xx", 2, 600.0) for route in routes)
    found = {panel.code: panel for panel in panels(read_figures(span=span_of(code="", now=NOW)))}
    assert found["machine-time"].value == "2.4 s"
    assert found["machine-time"].verdict == "meets its target"


@pytest.mark.django_db
def test_each_kind_of_caller_has_its_own_way_to_a_booking() -> None:
    steps = [("visit", 40), ("price", 20), ("hold", 10), ("booking", 8), ("paid", 8)]
    fill(("step", "customers", step, count, 0.0) for step, count in steps)
    fill(("step", "partners", step, count, 0.0) for step, count in steps[1:])
    found = dict(funnels(read_figures(span=span_of(code="", now=NOW))))
    assert list(found) == ["Customers on the site", "Partners by the API"]
    shares = [step.share for step in found["Customers on the site"]]
    assert shares == ["", *(f"{n} % of the step before" for n in (50, 50, 80, 100))]
    assert [step.count for step in found["Partners by the API"]] == [20, 10, 8, 8]


@pytest.mark.parametrize(("code", "pieces"), [("hours", 24), ("days", 14), ("weeks", 12)])
def test_a_span_is_cut_where_people_would(code: str, pieces: int) -> None:
    """Over the change of the clocks too, on 14 March 2027."""
    span = span_of(code=code, now=NOW)
    assert len(span.pieces) == pieces
    assert span.place(NOW) == pieces - 1
    assert span.place(span.starts_at) == 0
    if code == "days":
        lengths = {b.starts_at - a.starts_at for a, b in pairwise(span.pieces)}
        assert lengths == {timedelta(hours=24), timedelta(hours=23)}
    if code == "weeks":
        assert {metric_rollup.local_date(piece.starts_at).weekday() for piece in span.pieces} == {0}


def test_a_chart_says_in_words_what_it_shows_and_leaves_gaps() -> None:
    pieces = [Piece(NOW, str(n), f"hour {n}") for n in range(4)]
    chart = draw(
        name="Errors", pieces=pieces, values=[0.0, None, 5.0, 40.0], words=percent, target=10
    )
    assert chart.says == "Errors: from 0 % to 40 %; the target is 10 %"
    assert [mark.is_empty for mark in chart.marks] == [False, True, False, False]
    assert [mark.is_missed for mark in chart.marks] == [False, False, False, True]
    assert all(0 <= mark.y <= HEIGHT and mark.height <= HEIGHT for mark in chart.marks)
    assert chart.marks[3].says == "hour 3: 40 %"
    empty = draw(name="Errors", pieces=pieces, values=[None] * 4, words=number)
    assert (empty.has_data, empty.says) == (False, "Errors: no data yet")


@pytest.mark.django_db
def test_the_page_is_read_without_scripts_and_in_few_statements(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    assert client.get(PAGE).status_code == 302
    clerk = User.objects.create_user("clerk", "clerk@example.com", "x", is_staff=True)
    open_desk(client, clerk)
    assert client.get(PAGE).status_code == 403
    open_desk(client, User.objects.create_superuser("owner", "owner@example.com", "x"))
    nothing = text_of(client.get(PAGE))
    assert "Nothing has been measured in this span yet." in nothing
    assert nothing.count("No data yet") >= 10
    with time_machine.travel(NOW, tick=False):
        open_desk(client, User.objects.get(username="owner"))
        for back in range(30):
            at = timezone.now() - timedelta(hours=back)
            fill((row for rows, _, _ in list(EDGES.values())[:2] for row in rows), at=at)
        for back in range(30):
            metric_rollup.sum_day(metric_rollup.local_date(NOW - timedelta(days=back)))
        for code in CHOICES:
            with django_assert_max_num_queries(12):
                answer = client.get(PAGE, {"span": code})
            said = text_of(answer)
            assert "99.9 % target: at least 99.9 % Meets its target" in said
            assert 'aria-label="How fast it answers: from 200 ms' in answer.content.decode()
    page = re.sub(r"\s+", " ", answer.content.decode())
    own = page[page.index('<div class="dashboard">') :]
    assert "<script" not in own.partition("</main>")[0]
    assert " style=" not in own.partition("</main>")[0]
