"""The one way to open a transaction: what is tried again, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from hmnp.core import transactions
from hmnp.core.errors import ServiceUnavailable
from hmnp.core.models import IdempotencyRecord
from hmnp.core.transactions import DEADLOCK_DETECTED, RollBackAndRetry, database_now, run, sqlstate


def write(key: str) -> None:
    IdempotencyRecord.objects.create(
        principal="p", method="POST", path="/", key=key, fingerprint="f"
    )


def failing(times: int, error: Callable[[], Exception]) -> Callable[[], str]:
    """Give work that writes a row, fails so many times, then succeeds."""
    calls: list[int] = []

    def work() -> str:
        calls.append(1)
        write(f"try-{len(calls)}")
        if len(calls) <= times:
            raise error()
        return "done"

    return work


def refused_by_the_database(state: str) -> Callable[[], Exception]:
    def error() -> Exception:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")
        except OperationalError as raised:
            return raised
        raise AssertionError(state)

    return error


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        RollBackAndRetry,
        refused_by_the_database(transactions.DEADLOCK_DETECTED),
        refused_by_the_database(transactions.SERIALIZATION_FAILURE),
        refused_by_the_database(transactions.LOCK_NOT_AVAILABLE),
    ],
)
def test_work_that_met_a_conflict_runs_again_whole(error: Callable[[], Exception]) -> None:
    assert run(failing(1, error)) == "done"
    assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["try-2"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error", [RollBackAndRetry, refused_by_the_database(transactions.LOCK_NOT_AVAILABLE)]
)
def test_it_gives_up_and_says_when_to_come_back(error: Callable[[], Exception]) -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        run(failing(99, error))
    assert refused.value.retry_after
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
def test_other_errors_are_not_tried_again() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        write("one")
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run(work)
    with pytest.raises(OperationalError):
        run(failing(99, refused_by_the_database("57014")))
    assert calls == [1]
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
def test_it_refuses_to_run_inside_another_transaction() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        run(lambda: None)


@pytest.mark.django_db(transaction=True)
def test_two_that_deadlock_both_get_through() -> None:
    write("a")
    write("b")
    both_hold_one = threading.Barrier(2, timeout=10)
    failures: list[BaseException] = []
    tries: list[str] = []

    def worker(first: str, second: str) -> None:
        def work() -> None:
            tries.append(first)
            IdempotencyRecord.objects.select_for_update().get(key=first)
            if tries.count(first) == 1:
                both_hold_one.wait()
            IdempotencyRecord.objects.select_for_update().get(key=second)

        try:
            run(work)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker, args=pair) for pair in [("a", "b"), ("b", "a")]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(tries) > 2


@pytest.mark.django_db
def test_the_database_clock_runs_on_during_a_transaction() -> None:
    with transaction.atomic():
        first = database_now()
        second = database_now()
    assert timedelta(0) < second - first < timedelta(seconds=5)
    assert sqlstate(ValueError()) is None
    assert DEADLOCK_DETECTED == "40P01"
