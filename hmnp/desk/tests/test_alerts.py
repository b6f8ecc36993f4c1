"""Each rule is made to fire and to clear, and somebody is told of both; but never of a flutter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from bookings.models import Booking
from bookings.tests.browsing import text_of
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import limits, redis_rest, tally
from hmnp.core.invariants import Invariant
from hmnp.core.limits import Action
from hmnp.core.tally import Figures
from hmnp.desk import alert_notices, lasting_breaches, metric_minutes, metric_store, watching
from hmnp.desk.alert_measures import MEASURES
from hmnp.desk.alert_rules import DEFAULTS, Rule, load_rules
from hmnp.desk.alert_watch import evaluate
from hmnp.desk.models import Alert, AlertNotice, AlertRule, AlertWatch, Reading
from integrations.models import DestinationState, OutboxJob
from integrations.tests.cast import make_booking
from integrations.tests.test_outbox import message
from payments.models import Payment
from services.tests.fixtures import Catalogue

NOW = datetime(2027, 3, 10, 15, 4, 5, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)
Happening = Callable[[datetime, Booking], None]


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed appointment."""
    return make_booking(catalogue.standard)


@pytest.fixture(autouse=True)
def _told(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["owner@example.com", "desk@example.com"]
    settings.PUBLIC_BASE_URL = "https://book.example.com"


def feed(at: datetime, metric: str, subject: str, outcome: str, count: int, total: float) -> None:
    minute = metric_minutes.minute_of(at)
    metric_store.add(minute, {(metric, subject, outcome): Figures(count, total)})


def answers(count: int, *, ms: float = 20, outcome: str = "2xx") -> Happening:
    return lambda now, _: feed(now, "request", "GET /", outcome, count, count * ms)


def both(*happenings: Happening) -> Happening:
    def happen(now: datetime, booking: Booking) -> None:
        for one in happenings:
            one(now, booking)

    return happen


def payments(count: int, **fields: object) -> Happening:
    def happen(now: datetime, booking: Booking) -> None:
        for number in range(count):
            Payment.objects.create(
                booking=booking,
                amount_cents=100,
                idempotency_key=f"{now}{fields}{number}",
                created_at=now - timedelta(minutes=2),
                updated_at=now,
                **{"kind": "FULL", "status": "SUCCEEDED", **fields},
            )

    return happen


def jobs(count: int, **fields: object) -> Happening:
    def happen(now: datetime, booking: Booking) -> None:
        for number in range(count):
            job = message(booking, occurrence=f"{now:%M%S}{fields.get('state')}{number}")
            OutboxJob.objects.filter(pk=job.pk).update(**{"run_at": now, **fields})

    return happen


def failing(now: datetime, booking: Booking) -> None:
    ended = {"state": "SUCCEEDED", "finished_at": now - timedelta(minutes=1)}
    jobs(4, **ended)(now, booking)
    jobs(1, attempts=3, last_error="answered 503", run_at=now + timedelta(hours=1))(now, booking)


def all_jobs(**fields: object) -> Happening:
    def happen(now: datetime, booking: Booking) -> None:
        OutboxJob.objects.update(**fields)

    return happen


def reading(name: str, subject: str, value: float) -> Happening:
    return lambda now, _: metric_store.set_reading(name=name, subject=subject, value=value, at=now)


def minutes(metric: str, subject: str, outcome: str, value: float = 1) -> Happening:
    def happen(now: datetime, booking: Booking) -> None:
        rows = [(metric_minutes.minute_of(now) - timedelta(minutes=n)) for n in (0, 1)]
        metric_store.set_minutes(rows=[(at, metric, subject, outcome, value) for at in rows])

    return happen


def nothing(now: datetime, booking: Booking) -> None:
    """Time passes."""


def heart(now: datetime, booking: Booking) -> None:
    reading("heart", "beat", 1)(now, booking)


def heart_stopped(now: datetime, booking: Booking) -> None:
    reading("heart", "beat", 1)(now - timedelta(minutes=4), booking)


# What makes it fire, in what words, and what clears it an hour later.
CASES: dict[Rule, tuple[Happening, str, Happening]] = {
    Rule.RESPONSE_TIME: (answers(20, ms=501), "an answer takes 501 ms", answers(20, ms=399)),
    Rule.ERROR_RATE: (
        both(answers(98), answers(2, outcome="5xx"), answers(50, outcome="4xx")),
        "2 of 150 answers were errors (1.3 %)",
        both(answers(299), answers(1, outcome="5xx")),
    ),
    Rule.PAYMENT_FAILURES: (
        both(
            payments(9, provider_intent_id=None),
            payments(1, status="FAILED"),
            payments(5, status="CANCELLED", declined_attempt="ch_1"),
        ),
        "1 of 10 payments failed (10 %)",
        payments(3),
    ),
    Rule.INTEGRATION_FAILURES: (
        failing,
        "Mail: 1 of 5 jobs fail (20 %)",
        all_jobs(state="SUCCEEDED", finished_at=NOW + timedelta(hours=1)),
    ),
    Rule.DEAD_LETTERS: (
        jobs(2, state="DEAD", finished_at=NOW),
        "Mail: 2 given up",
        all_jobs(state="READY", run_at=NOW + timedelta(hours=9)),
    ),
    Rule.OVERDUE_JOBS: (
        jobs(1, run_at=NOW - timedelta(minutes=6)),
        "1 job has been due for over 5 minutes",
        all_jobs(state="SUCCEEDED", finished_at=NOW),
    ),
    Rule.INVARIANTS: (
        reading("invariant", "money-adds-up", 3),
        "money-adds-up: 3 rows break it",
        reading("invariant", "money-adds-up", 0),
    ),
    Rule.BEAT_SILENT: (heart_stopped, "beat and every worker are silent", heart),
    Rule.SITE_DOWN: (
        minutes("probe", "site", "down"),
        "no answer in 2 of the last 5 minutes",
        minutes("probe", "site", "up"),
    ),
    Rule.LIMITS_APART: (
        lambda now, _: feed(now, "limits", "redis", "silent", 1, 0),
        "Redis did not answer",
        nothing,
    ),
    Rule.DATABASE_FULL: (
        minutes("database", "connections_percent", "", 91),
        "91 % of the connections are in use",
        minutes("database", "connections_percent", "", 30),
    ),
}


def evaluations(count: int, *, begin: datetime) -> datetime:
    for number in range(count):
        evaluate(now=begin + number * HALF_MINUTE)
    return begin + count * HALF_MINUTE


@pytest.mark.django_db
@pytest.mark.parametrize("rule", Rule)
def test_each_rule_fires_and_clears_and_people_are_told(rule: Rule, booking: Booking) -> None:
    happen, words, mend = CASES[rule]
    spec = next(one for one in DEFAULTS if one.code == rule)
    happen(NOW, booking)
    then = evaluations(spec.open_after - 1, begin=NOW)
    assert not Alert.objects.exists(), "not on the first sign"
    then = evaluations(2, begin=then)
    alert = Alert.objects.get()
    assert alert.rule_id == rule
    assert alert.cause.partition(":")[0] == rule
    assert words in alert.summary
    assert alert.opened_value > alert.threshold == spec.threshold
    assert alert_notices.send_due(now=then) == 1
    assert alert_notices.send_due(now=then) == 0

    later = NOW + timedelta(hours=1)
    mend(later, booking)
    then = evaluations(spec.close_after - 1, begin=later)
    assert Alert.objects.filter(closed_at=None).exists() or spec.close_after == 1
    then = evaluations(1, begin=then)
    alert.refresh_from_db()
    assert alert.closed_at is not None
    assert alert_notices.send_due(now=then) == 1
    opened, closed = mail.outbox
    assert opened.to == ["owner@example.com", "desk@example.com"]
    assert words in f"{opened.subject} {opened.body}"
    assert f"https://book.example.com/admin/desk/alert/{alert.pk}/change/" in opened.body
    assert closed.subject.startswith("[Over]")
    everything = f"{opened.subject} {opened.body} {closed.subject} {closed.body}"
    assert booking.customer_name not in everything
    assert booking.customer_email not in everything


def test_every_rule_has_its_case() -> None:
    assert set(CASES) == set(Rule) == {rule.code for rule in DEFAULTS}


@pytest.mark.django_db
def test_few_samples_open_nothing(booking: Booking) -> None:
    answers(19, outcome="5xx", ms=9000)(NOW, booking)
    payments(4, status="FAILED")(NOW, booking)
    evaluations(5, begin=NOW)
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_between_its_two_bounds_an_alert_neither_opens_nor_closes(booking: Booking) -> None:
    answers(100, ms=450)(NOW, booking)
    evaluations(4, begin=NOW)
    assert not Alert.objects.exists()
    answers(1000, ms=700)(NOW, booking)
    evaluations(2, begin=NOW)
    alert = Alert.objects.get(closed_at=None)
    later = NOW + timedelta(minutes=20)
    answers(100, ms=450)(later, booking)
    evaluations(6, begin=later)
    alert.refresh_from_db()
    assert alert.closed_at is None
    assert (round(alert.last_value), round(alert.worst_value)) == (450, 677)


@pytest.mark.django_db
def test_a_measurement_in_between_begins_the_count_anew(booking: Booking) -> None:
    for number in range(6):
        at = NOW + timedelta(minutes=10 * number)
        answers(100, ms=900 if number % 2 else 20)(at, booking)
        evaluate(now=at)
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_each_system_has_an_alert_of_its_own_and_one_at_a_time(booking: Booking) -> None:
    jobs(1, state="DEAD", finished_at=NOW, destination="ghl")(NOW, booking)
    jobs(1, state="DEAD", finished_at=NOW, destination="mail")(NOW + HALF_MINUTE, booking)
    jobs(1, state="DEAD", finished_at=NOW, is_required=False)(NOW + 2 * HALF_MINUTE, booking)
    evaluations(3, begin=NOW)
    causes = {"DEAD_LETTERS:ghl", "DEAD_LETTERS:mail"}
    assert set(Alert.objects.values_list("cause", flat=True)) == causes
    assert AlertNotice.objects.count() == 2
    twin = Alert.objects.get(cause="DEAD_LETTERS:ghl")
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


@pytest.mark.django_db
def test_a_system_in_known_trouble_makes_no_job_overdue(booking: Booking) -> None:
    jobs(1, run_at=NOW - timedelta(minutes=9))(NOW, booking)
    DestinationState.objects.create(name="mail", failures=3)
    evaluations(3, begin=NOW)
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_a_threshold_is_the_owners_and_comes_once(booking: Booking) -> None:
    assert len(load_rules()) == len(load_rules()) == len(DEFAULTS)
    AlertRule.objects.filter(code=Rule.RESPONSE_TIME).update(threshold=5000, close_at=4000)
    load_rules()
    answers(100, ms=900)(NOW, booking)
    evaluations(3, begin=NOW)
    assert not Alert.objects.exists()
    AlertRule.objects.filter(code=Rule.RESPONSE_TIME).update(threshold=100, close_at=90)
    evaluations(3, begin=NOW)
    assert Alert.objects.count() == 1
    AlertRule.objects.filter(code=Rule.RESPONSE_TIME).update(is_on=False)
    evaluate(now=NOW)
    assert Alert.objects.get().closed_how == "the rule was switched off"


@pytest.mark.django_db
def test_a_rule_that_cannot_be_measured_stops_no_other(
    booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rule: AlertRule, now: datetime) -> list[object]:
        raise RuntimeError("no such column")

    monkeypatch.setitem(MEASURES, Rule.ERROR_RATE, broken)
    reading("invariant", "money-adds-up", 1)(NOW, booking)
    evaluate(now=NOW)
    assert Alert.objects.get().rule_id == Rule.INVARIANTS


@pytest.mark.django_db
def test_a_notice_is_sent_again_until_it_arrives_and_given_up_after_a_day(
    booking: Booking, settings: Settings
) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:9/alerts"
    settings.ALERT_WEBHOOK_SECRET = "whsec" * 8
    reading("invariant", "money-adds-up", 1)(NOW, booking)
    evaluate(now=NOW)
    assert alert_notices.send_due(now=NOW) == 1, "the mail"
    notice = AlertNotice.objects.get(channel="WEBHOOK")
    assert (notice.state, notice.attempts, notice.last_error) == ("READY", 1, "ConnectError")
    assert notice.run_at == NOW + timedelta(seconds=30)
    assert alert_notices.send_due(now=NOW + timedelta(seconds=29)) == 0
    notice.refresh_from_db()
    assert notice.attempts == 1
    assert alert_notices.send_due(now=NOW + timedelta(hours=25)) == 0
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == ("DEAD", 2)
    assert alert_notices.send_due(now=NOW + timedelta(hours=30)) == 0
    assert len(mail.outbox) == 1


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server on loopback that keeps what it is told; it refuses the first call."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(503 if len(received) == 1 else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.django_db
def test_the_webhook_says_what_happened_signed_and_the_same_when_sent_again(
    booking: Booking,
    settings: Settings,
    receiver: tuple[str, list[tuple[dict[str, str], bytes]]],
) -> None:
    settings.ALERT_EMAILS = []
    settings.ALERT_WEBHOOK_URL, received = receiver
    settings.ALERT_WEBHOOK_SECRET = "whsec" * 8
    reading("invariant", "money-adds-up", 1)(NOW, booking)
    evaluate(now=NOW)
    assert alert_notices.send_due(now=NOW) == 0
    assert alert_notices.send_due(now=NOW + timedelta(minutes=1)) == 1
    (headers, body), again = received
    assert (headers["webhook-id"], body) == (again[0]["webhook-id"], again[1])
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b"whsec" * 8, content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    said = json.loads(body)
    assert said["type"] == "alert.opened"
    assert said["alert"]["cause"] == "INVARIANTS:money-adds-up"
    assert (said["alert"]["value"], said["alert"]["closedAt"]) == (1, None)


@pytest.mark.django_db
def test_nobody_to_tell_is_said_in_the_log(
    booking: Booking, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERT_EMAILS = []
    reading("invariant", "money-adds-up", 1)(NOW, booking)
    evaluate(now=NOW)
    assert Alert.objects.exists()
    assert "nobody is told of alerts" in caplog.text


@pytest.mark.django_db
def test_a_web_process_watches_when_beat_does_not() -> None:
    """Nothing runs here but the thread's own look; beat never rang."""
    tally.reset()
    watching.watch_by_process("web", NOW)
    assert Reading.objects.get(name="heart").at == NOW, "counted from the site's first moment"
    for seconds in range(10, 300, 10):
        watching.watch_by_process("web", NOW + timedelta(seconds=seconds))
    alert = Alert.objects.get()
    assert alert.rule_id == Rule.BEAT_SILENT
    assert len(mail.outbox) == 1, "told without a worker"
    assert watching.watch_by_beat(now=NOW + timedelta(seconds=301))
    watching.watch_by_beat(now=NOW + timedelta(seconds=331))
    alert.refresh_from_db()
    assert alert.closed_at is not None
    assert len(mail.outbox) == 2
    tally.reset()


@pytest.mark.django_db
def test_while_beat_rings_no_web_process_measures_too() -> None:
    assert not watching.watch_by_beat(now=NOW)
    measured = []
    for seconds in range(30, 300, 30):
        now = NOW + timedelta(seconds=seconds)
        measured.append(watching.watch_by_beat(now=now))
        assert not watching.watch_by_beat(now=now), "one turn each"
        watching.watch_by_process("web", now + timedelta(seconds=5))
    assert all(measured)
    heart_at = Reading.objects.get(name="watch").at
    assert heart_at == NOW + timedelta(seconds=270)
    assert not Alert.objects.exists()
    tally.reset()


@pytest.mark.django_db
def test_limits_without_redis_are_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.reset()
    monkeypatch.setattr(redis_rest, "_asked_again_at", 0.0)
    settings.RATE_LIMIT_BOOKING = "5/m"
    away = {"LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {name: {**one, **away} for name, one in settings.CACHES.items()}
    request = RequestFactory().post("/")
    assert limits.take(request=request, action=Action.BOOKING, key="address:1") is not None
    tally.send(now=NOW)
    evaluate(now=NOW)
    assert Alert.objects.get().rule_id == Rule.LIMITS_APART


@pytest.mark.django_db(transaction=True)
def test_what_breaks_a_rule_for_a_moment_only_is_no_breach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second look finds what lasts."""
    lasting = Invariant("X1", "lasts", "…", "SELECT 'row 1', 'is wrong'")
    monkeypatch.setattr(lasting_breaches, "all_invariants", lambda: [lasting])
    assert lasting_breaches.note(now=timezone.now(), pause_seconds=0) == 1
    passing = Invariant("X2", "passes", "…", "SELECT clock_timestamp()::text, 'another each time'")
    monkeypatch.setattr(lasting_breaches, "all_invariants", lambda: [passing])
    assert lasting_breaches.note(now=timezone.now(), pause_seconds=0) == 0
    assert list(Reading.objects.values_list("subject", "value")) == [("passes", 0)]


@pytest.mark.django_db
def test_the_history_is_read_and_seen_but_never_rewritten(client: Client, booking: Booking) -> None:
    owner = User.objects.create_superuser("owner", "owner@example.com", "x")
    open_desk(client, owner)
    reading("invariant", "money-adds-up", 3)(NOW, booking)
    evaluate(now=NOW)
    alert_notices.send_due(now=NOW)
    alert = Alert.objects.get()
    listed = text_of(client.get("/admin/desk/alert/"))
    assert "money-adds-up: 3 rows break it" in listed
    assert "still open" in listed
    page = f"/admin/desk/alert/{alert.pk}/change/"
    assert "Mail, opened: sent 10 Mar 2027, 9:04 am" in text_of(client.get(page))
    assert client.get(f"/admin/desk/alert/{alert.pk}/delete/").status_code == 403
    assert "Seen: 1." in text_of(client.post(page, {"summary": "nothing"}, follow=True))
    chosen = {"action": "acknowledge", "_selected_action": alert.pk}
    assert "None was new." in text_of(client.post("/admin/desk/alert/", chosen, follow=True))
    alert.refresh_from_db()
    assert alert.acknowledged_by == owner
    assert alert.summary.startswith("A rule of the books is broken")


@pytest.mark.django_db
def test_the_owner_sets_a_threshold_but_none_that_could_never_close(client: Client) -> None:
    open_desk(client, User.objects.create_superuser("owner", "owner@example.com", "x"))
    assert "Slow answers" in text_of(client.get("/admin/desk/alertrule/"))
    page = "/admin/desk/alertrule/RESPONSE_TIME/change/"
    values = {
        "is_on": "on",
        "severity": "WARNING",
        "threshold": "300",
        "close_at": "900",
        "window_minutes": "5",
        "min_samples": "20",
        "open_after": "2",
        "close_after": "3",
    }
    assert client.post(page, values).status_code == 200
    assert client.post(page, {**values, "close_at": "250"}).status_code == 302
    assert AlertRule.objects.get(pk="RESPONSE_TIME").threshold == 300
    assert not AlertWatch.objects.exists()
