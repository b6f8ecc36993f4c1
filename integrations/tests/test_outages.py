"""A system that is down for minutes or a day: nothing is lost, nothing doubled, no other waits.

The clock is moved by moving what the rows say into the past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from django.db import connection
from pytest_django import Settings

from bookings.models import Booking
from bookings.tests.factories import a_notary, customer
from integrations import delivery, due_jobs, outbox
from integrations.caldav.tests.radicale import PASSWORD, USER, Radicale
from integrations.ghl import places
from integrations.ghl.tests.driving import confirmed, start_of_work
from integrations.google_calendar import client as google
from integrations.models import OutboxJob
from integrations.sms.tests.test_connector import noon_zone
from integrations.states import Destination
from integrations.tests.cast import open_cases
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db
DOORS = {
    Destination.MAIL: "/postmark/",
    Destination.SMS: "/twilio/",
    Destination.GHL: "/ghl/",
    Destination.GOOGLE_CALENDAR: "/google/calendar/",
    Destination.PROOF: "/proof/",
}
# How long it is down, and within what all is done after that: the back-off has grown with it.
BRIEFLY = timedelta(minutes=10), timedelta(minutes=12)
FOR_A_DAY = timedelta(hours=25), timedelta(minutes=70)
AGE = """
    UPDATE integrations_outboxjob SET run_at = run_at - %(by)s, rung_at = rung_at - %(by)s,
        created_at = created_at - %(by)s, give_up_at = give_up_at - %(by)s,
        lease_until = lease_until - %(by)s, finished_at = finished_at - %(by)s;
    UPDATE integrations_destinationstate SET open_until = open_until - %(by)s,
        refilled_at = refilled_at - %(by)s;
"""
# How long until the next job may go: its own time, or its breaker's if that is later.
NEXT = """
    SELECT min(greatest(job.run_at, state.open_until)) - clock_timestamp()
    FROM integrations_outboxjob AS job
    LEFT JOIN integrations_destinationstate AS state ON state.name = job.destination
    WHERE job.state = 'READY'
"""


@dataclass
class Outside:
    """Everything the company uses, and the switch that takes one of them down."""

    web: httpx.Client
    radicale: Radicale

    def act(self, knob: str, **body: Any) -> None:
        self.web.post(f"/_sandbox/{knob}", json=body).raise_for_status()

    def take_down(self, system: Destination) -> None:
        if system is Destination.CALDAV:
            self.radicale.is_down = True
        else:
            self.act("faults", action="reset", match={"path": DOORS[system]}, times=-1)

    def heal(self) -> None:
        self.radicale.is_down = False
        self.web.delete("/_sandbox/faults").raise_for_status()

    def held(self) -> Counter[str]:
        """Count what stands, by system."""
        ledger = self.web.get("/_sandbox/ledger").json()
        return Counter(
            mail=len(self.web.get("/_sandbox/mails").json()["data"]),
            sms=len(self.web.get("/_sandbox/sms").json()["data"]),
            ghl=sum(not one["deleted"] for one in ledger["ghl_appointments"]),
            google_calendar=sum(one["status"] != "cancelled" for one in ledger["google_events"]),
            caldav=len(self.radicale.objects("work")),
            proof=len(ledger["proof_transactions"]),
        )


@pytest.fixture(scope="module")
def _radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    server = Radicale(folder=tmp_path_factory.mktemp("radicale"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def outside(_radicale: Radicale, sandbox_url: str, settings: Settings) -> Iterator[Outside]:
    """All of them, empty, telling nobody."""
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    places.forget()
    _radicale.make("work")
    with httpx.Client(base_url=sandbox_url, timeout=10) as web:
        every = Outside(web=web, radicale=_radicale)
        every.act("reset")
        every.act("webhooks", paused=True)
        yield every
        every.heal()
        every.act("reset")
    google._tokens.clear()


@pytest.fixture
def bookings(outside: Outside, catalogue: Catalogue) -> list[Booking]:
    """One for each calendar and one online, all confirmed, of which nobody has heard."""
    a_notary(calendar_id="maria.alvarez@sandbox.example", skills=["standard-notary"])
    kept = {"calendar_kind": "caldav", "calendar_user": USER, "calendar_password": PASSWORD}
    a_notary(skills=["extended-hours"], calendar_id=f"{outside.radicale.door}/{USER}/work", **kept)
    a_notary(skills=["ron"])
    return [_confirmed(slug) for slug in ("standard-notary", "extended-hours", "ron")]


def _confirmed(slug: str) -> Booking:
    booking = confirmed(
        slug=slug,
        starts_at=start_of_work(days=9),
        zip_code=None if slug == "ron" else "77573",
        who=customer(email=f"{slug}@example.com", sms_consent=True),
    )
    # It is noon there, so that texts may go out whatever the hour.
    booking.timezone = noon_zone()
    booking.save(update_fields=["timezone"])
    return booking


def work() -> None:
    """Do what is due, as sweep and workers do, until nothing is."""
    # Nobody heard the bells that rang with the facts.
    OutboxJob.objects.update(rung_at=None)
    while job_ids := due_jobs.take_unanswered():
        for job_id in job_ids:
            delivery.attempt(job_id=job_id)


def pass_time(length: timedelta, *, until: Callable[[], bool] = lambda: False) -> timedelta:
    """Let time go by from one due job to the next, and do each; give how much went by."""
    gone = timedelta()
    work()
    while gone < length and not until():
        with connection.cursor() as cursor:
            cursor.execute(NEXT)
            (wait,) = cursor.fetchone() or (None,)
            step = min(max(wait or length, timedelta(seconds=1)), length - gone)
            cursor.execute(AGE, {"by": cast(Any, step)})
        gone += step
        work()
    return gone


def states() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, state in OutboxJob.objects.values_list("destination", "state"):
        found.setdefault(name, set()).add(state)
    return found


def is_over() -> bool:
    return set().union(*states().values()) == {"SUCCEEDED"}


@pytest.mark.parametrize(
    ("system", "length", "patience"),
    [
        pytest.param(
            system,
            *times,
            # By day one of them, and briefly.
            marks=[] if (system, times) == (Destination.GHL, BRIEFLY) else pytest.mark.night,
            id=f"{system.value} for {times[0]}",
        )
        for system in Destination
        for times in (BRIEFLY, FOR_A_DAY)
    ],
)
def test_what_is_down_is_caught_up_with_and_holds_up_nobody_else(
    outside: Outside,
    bookings: list[Booking],
    system: Destination,
    length: timedelta,
    patience: timedelta,
    record_property: Callable[[str, object], None],
) -> None:
    outside.take_down(system)
    work()
    waiting = {name for name, found in states().items() if found != {"SUCCEEDED"}}
    assert waiting == {system.value}
    assert pass_time(length) == length
    attempts = max(OutboxJob.objects.values_list("attempts", flat=True))
    assert states()[system.value] == {"READY"}
    assert open_cases() == []
    outside.heal()
    late = pass_time(patience, until=is_over)
    assert is_over(), states()
    once = Counter(ghl=3, google_calendar=1, caldav=1, proof=1, sms=3)
    once["mail"] = OutboxJob.objects.filter(destination="mail").count()
    assert outside.held() == once
    record_property(
        "measured",
        f"{system.value} down for {length}: {attempts} attempts, whole {late.seconds} s after",
    )


@pytest.mark.night
def test_what_is_down_longer_than_its_policy_calls_a_person_who_replays_it(
    outside: Outside, bookings: list[Booking]
) -> None:
    outside.take_down(Destination.GHL)
    pass_time(timedelta(hours=74))
    assert states()["ghl"] == {"DEAD"}
    assert open_cases() == ["INTEGRATION_DEAD"] * len(bookings)
    outside.heal()
    for job in OutboxJob.objects.filter(state="DEAD"):
        assert outbox.replay(job_id=job.pk)
    pass_time(BRIEFLY[1], until=is_over)
    assert is_over(), states()
    assert open_cases() == []
    assert outside.held()["ghl"] == len(bookings)
