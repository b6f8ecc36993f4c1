"""Whatever the document allows, and much that it does not, sent by every kind of caller.

By day a case or two of each operation, the same ones each time; by night (`FAULT_FLOWS`) many
more, and schemathesis's tour of the boundaries of every parameter, a part of the operations a test.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import time_machine
import yaml
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import (
    ChecksConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.config._checks import NegativeDataRejectionConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)

from bookings.models import Booking, BookingDocument
from bookings.tests.callers import body, customer_of, hold_body, partner_caller, staff_caller
from bookings.tests.factories import NOW, TUESDAY_10, a_notary, book, customer
from hmnp.accounts.models import Partner
from payments.models import Payment
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

NIGHT = "FAULT_FLOWS" in os.environ
EXAMPLES = 40 if NIGHT else 1
MODES = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.FUZZING]
MODES += [HypothesisTestMode.COVERAGE] if NIGHT else []
# By night each caller has so many tests, so that one that fails or hangs leaves the others to run.
PARTS = 6 if NIGHT else 1
PRINCIPALS = ("anonymous", "customer", "partner", "staff")
CSRF = "c" * 32
# Well formed is not yet possible: the slot may be taken, the service unknown, the ZIP too far.
_POSSIBLE = ["2xx", "304", "400", "401", "402", "403", "404", "409", "410", "412", "422"]
_REFUSED = ["400", "401", "402", "403", "404", "405", "409", "410", "412", "413", "415", "422"]


@dataclass
class Sent:
    """What one caller sent, and what was wrong with the answers."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)

    def note(self, failure: BaseException, where: str) -> None:
        """Keep the first example of each kind of fault on each operation."""
        inner = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
        for one in inner:
            self.faults.setdefault(f"{where}: {type(one).__name__}", str(one)[:1500])


@cache
def _schema() -> Any:
    checks = ChecksConfig(
        positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=_POSSIBLE),
        negative_data_rejection=NegativeDataRejectionConfig(expected_statuses=_REFUSED),
    )
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(checks=checks)))
    path = Path(django_settings.BASE_DIR) / "openapi.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = get_wsgi_application()
    return schema


@dataclass
class World:
    """One of everything that belongs to the caller."""

    credentials: dict[str, dict[str, str]]
    session: dict[str, str]
    ids: dict[str, str]
    known: dict[str, list[Any]]

    def steer(self, case: Any, turn: int) -> None:
        """Make two of three cases name what exists, so that they come further than the door."""
        if turn % 3 == 0:
            return
        meta = case.meta
        if meta is not None and meta.is_negative_at(ParameterLocation.PATH):
            return
        for name in case.path_parameters or {}:
            if name in self.ids:
                case.path_parameters[name] = self.ids[name]
        if meta is not None and meta.generation.mode.is_negative:
            return
        for given in (case.query, case.body):
            if isinstance(given, dict):
                for name, values in self.known.items():
                    if name in given:
                        given[name] = values[turn % len(values)]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's connection, and so its transaction, from request to request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def world(catalogue: Catalogue, sandbox_url: str, tmp_path: Path, settings: Any) -> Iterator[World]:
    """A booking with a document and a payment, and what a hold, a quote or a time may be."""
    settings.MEDIA_ROOT = str(tmp_path)
    with connection.cursor() as cursor:
        # Making cases up takes its time, and all of a test is one transaction.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    a_notary(skills=["standard-notary", "loan-signing", "extended-hours", "ron"])
    with time_machine.travel(NOW, tick=False):
        booking = book(
            slug="ron",
            zip_code=None,
            starts_at=TUESDAY_10,
            who=customer(street="", city="", state=""),
        )
        document = BookingDocument.objects.create(
            booking=booking,
            filename="a.pdf",
            size=9,
            sha256="0" * 64,
            storage_name=f"documents/{booking.pk}.pdf",
            uploaded_at=NOW,
        )
        payment = Payment.objects.get(booking=booking)
        partner = partner_caller()
        staff = staff_caller().client
        yield World(
            credentials={
                "anonymous": {},
                "customer": {"Authorization": customer_of(booking).authorization},
                "partner": {"Authorization": partner.authorization},
                "staff": {"X-CSRFToken": CSRF},
            },
            session={"sessionid": staff.cookies["sessionid"].value, "csrftoken": CSRF},
            ids={
                "booking_id": str(booking.pk),
                "document_id": str(document.pk),
                "id": str(payment.pk),
                "id_or_slug": "loan-signing",
            },
            known={
                "serviceId": ["standard-notary", "loan-signing", "ron"],
                "scheduledDateTime": [body()["scheduledDateTime"], "2027-03-02T14:00:00-06:00"],
                "startTime": [hold_body()["startTime"], "2027-03-03T09:30:00-06:00"],
                "date": ["2027-03-02"],
                "zip": ["77573", "77591", "77581"],
                "customerPhone": ["(713) 555-0123"],
                "customerEmail": ["ada@example.com"],
                "address": [body()["address"], None],
                "bookingId": [str(booking.pk)],
                "paymentIntentId": [payment.provider_intent_id or "pi_none"],
                "timezone": ["America/Chicago", "Asia/Kathmandu"],
            },
        )


@pytest.mark.longer
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("principal", PRINCIPALS)
def test_no_case_gets_an_answer_that_the_document_does_not_describe(
    world: World, principal: str, part: int, record_property: Callable[[str, object], None]
) -> None:
    if principal == "partner":
        Booking.objects.update(partner=Partner.objects.get())
    sent = Sent()
    schema = _schema()
    turns = count()
    headers = world.credentials[principal]
    cookies = world.session if principal == "staff" else {}
    # The checks take a session for made up unless they are told that it was sent on purpose.
    claimed = {**headers, "Cookie": "; ".join("=".join(one) for one in cookies.items())}

    def send(case: Any) -> None:
        """Send one case in a world that is as it was before."""
        world.steer(case, next(turns))
        if principal != "anonymous" and case.headers:
            # The caller's own credentials go out instead of made-up ones.
            case.headers.pop("Authorization", None)
        before = transaction.savepoint()
        try:
            answer = case.call(headers=dict(headers), cookies=dict(cookies))
            sent.statuses[answer.status_code] += 1
            case.validate_response(
                answer, headers=claimed, transport_kwargs={"cookies": dict(cookies)}
            )
        except (Failure, FailureGroup) as failure:
            sent.note(failure, case.operation.label)
        finally:
            transaction.savepoint_rollback(before)

    operations = [result.ok() for result in schema.get_all_operations()][part::PARTS]
    for operation in operations:
        create_test(
            operation=operation,
            test_func=send,
            config=HypothesisTestConfig(
                project=schema.config,
                modes=MODES,
                settings=settings(
                    max_examples=EXAMPLES,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    phases=[Phase.explicit, Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            ),
        )()
    told = ", ".join(f"{status} {count}" for status, count in sorted(sent.statuses.items()))
    cases = sum(sent.statuses.values())
    record_property(
        "measured",
        f"Fuzzed as {principal}: {len(operations)} operations, {cases} cases ({told}), "
        f"{len(sent.faults)} kinds of fault",
    )
    if sent.faults:
        pytest.fail("\n\n".join(f"{where}: {what}" for where, what in sent.faults.items()))
    assert cases >= EXAMPLES * len(operations)
    assert {200, 400} <= set(sent.statuses) or NIGHT
