"""Idempotency keys: the first answer again, or a plain refusal."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from hmnp.core import tokens
from hmnp.core.errors import DomainError, IdempotencyInProgress, IdempotencyKeyReused
from hmnp.core.idempotency import Answer, Idempotency, Replayed, Secret, fingerprint, once
from hmnp.core.models import IdempotencyRecord
from hmnp.core.tasks import forget_idempotency_records

BOOKING = uuid4()


def keyed(body: object = "body", key: str = "k" * 16, principal: str = "anonymous") -> Idempotency:
    return Idempotency(
        principal=principal,
        method="POST",
        path="/api/v2/things",
        key=key,
        fingerprint=fingerprint(body),
        render=lambda result: Answer(
            status=201,
            body={"thing": result},
            headers={"Location": "/api/v2/things/1"},
            secrets=(
                Secret(
                    field="accessToken",
                    purpose=tokens.ACCESS,
                    subject_id=BOOKING,
                    generation=1,
                    key_id=tokens.current_key_id(),
                ),
            ),
        ),
    )


def make(idempotency: Idempotency, result: str = "made") -> str:
    """Carry out the effect the way an action does."""
    with transaction.atomic():
        idempotency.begin()
        idempotency.finish(result)
    return result


@pytest.mark.django_db
def test_the_same_key_and_body_give_the_first_answer_with_its_token() -> None:
    first = keyed()
    make(first)
    with pytest.raises(Replayed) as replayed:
        make(keyed(), "made twice")
    answer = replayed.value.answer
    assert (answer.status, answer.replayed) == (201, True)
    assert answer.headers == {"Location": "/api/v2/things/1"}
    assert first.answer is not None
    assert answer.full_body() == first.answer.full_body()
    assert answer.full_body()["thing"] == "made"
    assert answer.full_body()["accessToken"].split(".")[1] == "access"


@pytest.mark.django_db
def test_the_stored_row_carries_no_token() -> None:
    idempotency = keyed()
    make(idempotency)
    assert idempotency.answer is not None
    token = idempotency.answer.full_body()["accessToken"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM core_idempotencyrecord r")
        assert token not in cursor.fetchone()[0]


@pytest.mark.django_db
def test_the_same_key_with_another_body_is_refused() -> None:
    make(keyed())
    with pytest.raises(IdempotencyKeyReused):
        make(keyed(body="other"))
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.django_db
def test_a_key_belongs_to_who_sent_it_and_where() -> None:
    make(keyed())
    make(keyed(principal="partner:1"))
    assert IdempotencyRecord.objects.count() == 2


@pytest.mark.django_db
def test_a_refusal_leaves_no_trace_so_that_a_corrected_body_may_use_the_key() -> None:
    def refuse() -> None:
        with transaction.atomic():
            keyed().begin()
            raise DomainError("refused")

    with pytest.raises(DomainError):
        refuse()
    assert not IdempotencyRecord.objects.exists()
    assert make(keyed(body="corrected")) == "made"


@pytest.mark.django_db(transaction=True)
def test_a_twin_still_running_is_waited_for_two_seconds_then_named() -> None:
    holds, done = threading.Event(), threading.Event()

    def first() -> None:
        try:
            with transaction.atomic():
                keyed().begin()
                holds.set()
                done.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert holds.wait(10)
        with pytest.raises(IdempotencyInProgress) as refused:
            make(keyed())
        assert refused.value.retry_after == 2
    finally:
        done.set()
        thread.join(20)


@pytest.mark.django_db(transaction=True)
def test_a_twin_that_commits_meanwhile_is_replayed() -> None:
    holds = threading.Event()

    def first() -> None:
        try:
            with transaction.atomic():
                idempotency = keyed()
                idempotency.begin()
                holds.set()
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.3)")
                idempotency.finish("made first")
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert holds.wait(10)
        with pytest.raises(Replayed) as replayed:
            make(keyed())
        assert replayed.value.answer.body == {"thing": "made first"}
    finally:
        thread.join(20)


@pytest.mark.django_db
def test_a_refusal_never_hides_the_twins_success() -> None:
    def beaten_to_it() -> Any:
        make(keyed(), "the twin's")
        raise DomainError("taken")

    with pytest.raises(Replayed) as replayed:
        once(keyed(), beaten_to_it)
    assert replayed.value.answer.body == {"thing": "the twin's"}
    assert once(None, lambda: "unkeyed") == "unkeyed"


def test_the_order_of_names_in_a_body_does_not_matter() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})


@pytest.mark.django_db
def test_records_are_kept_for_the_promised_time_then_forgotten() -> None:
    make_row = IdempotencyRecord.objects.create
    for number, hours in enumerate([0, 49, 73]):
        row = make_row(principal="p", method="POST", path="/", key=str(number), fingerprint="f")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_idempotencyrecord SET created_at = now() - make_interval(hours => %s)"
                " WHERE id = %s",
                [hours, row.pk],
            )
    assert forget_idempotency_records() == 1
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"0", "1"}
