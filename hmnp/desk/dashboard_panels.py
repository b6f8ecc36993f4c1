"""What the owner reads: each figure in words, beside its target, over the span looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hmnp.core.metrics import CACHE, REQUEST
from hmnp.desk.dashboard_charts import draw
from hmnp.desk.dashboard_figures import Figures
from hmnp.desk.dashboard_panel import NO_DATA, Panel, Part
from hmnp.desk.dashboard_words import milliseconds, number, percent, ratio, seconds
from hmnp.desk.metric_facts import COMPLETION, INTEGRATION, PAYMENT
from hmnp.desk.metric_minutes import DEGRADED, UP, UPTIME
from hmnp.desk.outside_page import NAMES
from integrations.states import Destination


def panels(figures: Figures) -> list[Panel]:
    """Give every panel with a target, in the order an owner asks."""
    return [
        _uptime(figures),
        _answers(figures),
        _errors(figures),
        _payments(figures),
        _completion(figures),
        _at_once(figures),
        _in_the_end(figures),
        _cache(figures),
        _machine_time(figures),
        _throughput(figures),
    ]


def _share(
    figures: Figures,
    *,
    code: str,
    name: str,
    meaning: str,
    good: Sequence[float],
    whole: Sequence[float],
    target: float,
    parts_name: str = "",
    parts: Sequence[Part] = (),
) -> Panel:
    """Make the panel of a share of which more is better."""
    value = ratio(sum(good), sum(whole))
    chart = draw(
        name=name,
        pieces=figures.span.pieces,
        values=[ratio(*pair) for pair in zip(good, whole, strict=True)],
        words=percent,
        target=target,
        is_more_better=True,
        is_share=True,
    )
    return Panel(
        code=code,
        name=name,
        meaning=meaning,
        value=percent(value) if value is not None else NO_DATA,
        target=f"at least {percent(target)}" if target < 100 else "100 %",
        is_missed=value is not None and value < target,
        chart=chart,
        parts_name=parts_name,
        parts=parts,
    )


def _uptime(figures: Figures) -> Panel:
    return _share(
        figures,
        code="uptime",
        name="The site was there",
        meaning="Minutes in which the site answered, of all minutes.",
        good=figures.count(UPTIME, outcomes=[UP, DEGRADED]),
        whole=figures.count(UPTIME),
        target=99.9,
    )


def _averages(figures: Figures, metric: str) -> list[float | None]:
    pairs = zip(figures.total(metric), figures.count(metric), strict=True)
    return [total / count if count else None for total, count in pairs]


def _at_most(
    figures: Figures,
    *,
    code: str,
    name: str,
    meaning: str,
    value: float | None,
    values: Sequence[float | None],
    words: Callable[[float], str],
    target: float,
    parts_name: str,
    parts: Sequence[Part],
) -> Panel:
    """Make the technical panel of a figure of which less is better."""
    return Panel(
        code=code,
        name=name,
        meaning=meaning,
        value=words(value) if value is not None else NO_DATA,
        target=f"at most {words(target)}",
        is_missed=value is not None and value > target,
        chart=draw(
            name=name, pieces=figures.span.pieces, values=values, words=words, target=target
        ),
        is_technical=True,
        parts_name=parts_name,
        parts=parts,
    )


def _answers(figures: Figures) -> Panel:
    count = sum(figures.count(REQUEST))
    slowest = sorted(figures.routes, key=lambda route: route.average, reverse=True)[:8]
    target = 200
    return _at_most(
        figures,
        code="answers",
        name="How fast it answers",
        meaning="How long an answer takes the server on average.",
        value=sum(figures.total(REQUEST)) / count if count else None,
        values=_averages(figures, REQUEST),
        words=milliseconds,
        target=target,
        parts_name="The slowest pages",
        parts=[
            Part(
                route.name,
                milliseconds(route.average),
                of=f"{number(route.count)} answers",
                is_missed=route.average > target,
            )
            for route in slowest
        ],
    )


def _errors(figures: Figures) -> Panel:
    answers, failed = figures.count(REQUEST), figures.count(REQUEST, outcomes=["5xx"])
    worst = sorted(figures.routes, key=lambda route: route.errors, reverse=True)[:5]
    return _at_most(
        figures,
        code="errors",
        name="Errors of ours",
        meaning="Answers that failed through our fault (5xx), of all answers.",
        value=ratio(sum(failed), sum(answers)),
        values=[ratio(*pair) for pair in zip(failed, answers, strict=True)],
        words=percent,
        target=0.1,
        parts_name="Where they happened",
        parts=[
            Part(route.name, number(route.errors), of=f"of {number(route.count)}", is_missed=True)
            for route in worst
            if route.errors
        ],
    )


def _payments(figures: Figures) -> Panel:
    good = figures.count(PAYMENT, outcomes=["succeeded"])
    failed = figures.count(PAYMENT, outcomes=["failed"])
    apart = {
        "Paid": sum(good),
        "Failed": sum(failed),
        "Declined by the bank (apart)": sum(figures.count(PAYMENT, outcomes=["declined"])),
        "Given up by the customer (apart)": sum(figures.count(PAYMENT, outcomes=["abandoned"])),
    }
    return _share(
        figures,
        code="payments",
        name="Payments that worked",
        meaning="Card payments that went through, of those no bank declined.",
        good=good,
        whole=[sum(pair) for pair in zip(good, failed, strict=True)],
        target=99,
        parts_name="What became of them",
        parts=[Part(name, number(count)) for name, count in apart.items()] if any(good) else [],
    )


def _completion(figures: Figures) -> Panel:
    return _share(
        figures,
        code="completion",
        name="Who came to pay, paid",
        meaning="Customers who paid, of those who saw the card form and are done.",
        good=figures.count(COMPLETION, outcomes=["paid"]),
        whole=figures.count(COMPLETION),
        target=90,
    )


def _by_system(figures: Figures, outcomes: Sequence[str], target: float) -> list[Part]:
    parts = []
    for system in figures.subjects(INTEGRATION):
        good = sum(figures.count(INTEGRATION, subject=system, outcomes=outcomes))
        whole = sum(figures.count(INTEGRATION, subject=system))
        share = ratio(good, whole)
        if share is not None:
            name = NAMES.get(Destination(system), system)
            parts.append(
                Part(name, percent(share), of=f"of {number(whole)}", is_missed=share < target)
            )
    return parts


def _at_once(figures: Figures) -> Panel:
    return _share(
        figures,
        code="at-once",
        name="Outside systems told at once",
        meaning="Jobs for mail, texts, calendars, CRM and Proof that worked at the first try.",
        good=figures.count(INTEGRATION, outcomes=["at_once"]),
        whole=figures.count(INTEGRATION),
        target=95,
        parts_name="By system",
        parts=_by_system(figures, ["at_once"], 95),
    )


def _in_the_end(figures: Figures) -> Panel:
    return _share(
        figures,
        code="in-the-end",
        name="Outside systems told in the end",
        meaning="Jobs that worked at last; each that did not is somebody's case.",
        good=figures.count(INTEGRATION, outcomes=["at_once", "later"]),
        whole=figures.count(INTEGRATION),
        target=100,
        parts_name="By system",
        parts=_by_system(figures, ["at_once", "later"], 100),
    )


def _cache(figures: Figures) -> Panel:
    parts = []
    for family in figures.subjects(CACHE):
        whole = sum(figures.count(CACHE, subject=family))
        share = ratio(sum(figures.count(CACHE, subject=family, outcomes=["hit"])), whole)
        if share is not None:
            of = f"of {number(whole)} looks"
            parts.append(Part(family.capitalize(), percent(share), of=of, is_missed=share < 95))
    return _share(
        figures,
        code="cache",
        name="Answers kept ready",
        meaning="Looks into the cache that found what they sought.",
        good=figures.count(CACHE, outcomes=["hit"]),
        whole=figures.count(CACHE),
        target=95,
        parts_name="By what is kept",
        parts=parts,
    )


# What one booking asks of the machines, step by step: the pages' own requests.
_WAY = (
    ("Show the times", "GET /book/{slug}/when/"),
    ("Hold one", "POST /book/{slug}/when/"),
    ("Ask the details", "GET /book/{slug}/details/"),
    ("Book", "POST /book/{slug}/details/"),
    ("Show the card form", "GET /book/pay/"),
    ("Ask Stripe", "POST /book/pay/intent"),
    ("Come back from Stripe", "GET /book/pay/return"),
    ("Confirm", "GET /book/confirmed/{booking_id}/"),
)


def _machine_time(figures: Figures) -> Panel:
    average = {route.name: route.average for route in figures.routes}
    steps = [(name, average[route]) for name, route in _WAY if route in average]
    is_whole = len(steps) >= len(_WAY) - 1
    total = sum(time for _, time in steps) / 1000
    return Panel(
        code="machine-time",
        name="One booking, start to end",
        meaning="What the server takes for all steps of a booking; people's own time is apart.",
        value=seconds(total) if is_whole else NO_DATA,
        target="under 5 s",
        is_missed=is_whole and total >= 5,
        parts_name="Step by step",
        parts=[Part(name, milliseconds(time)) for name, time in steps],
    )


def _throughput(figures: Figures) -> Panel:
    counts = figures.count(REQUEST)
    return Panel(
        code="throughput",
        name="How much is asked",
        meaning=f"Answers given, by {figures.span.piece_name}.",
        value=number(sum(counts)) if sum(counts) else NO_DATA,
        chart=draw(
            name="How much is asked",
            pieces=figures.span.pieces,
            values=[float(count) if count else None for count in counts],
            words=number,
        ),
    )
