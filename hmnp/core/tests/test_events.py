"""Facts: stated inside a transaction, reacted to in the same one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import transaction

from hmnp.core import events
from hmnp.core.events import EmittedOutsideTransaction, Event, emit, event_types, subscribe
from hmnp.core.models import IdempotencyRecord


@dataclass(frozen=True)
class KettleBoiled(Event):
    """For these tests."""

    degrees: int


@pytest.fixture(autouse=True)
def _forget_handlers() -> Iterator[None]:
    yield
    events._handlers.pop(KettleBoiled, None)


@pytest.mark.django_db
def test_every_handler_hears_it_once_in_the_order_of_subscribing() -> None:
    heard: list[str] = []

    def first(event: KettleBoiled) -> None:
        heard.append(f"first {event.degrees}")

    def second(event: KettleBoiled) -> None:
        heard.append("second")

    subscribe(KettleBoiled, first)
    subscribe(KettleBoiled, second)
    subscribe(KettleBoiled, first)
    emit(KettleBoiled(degrees=100))
    assert heard == ["first 100", "second"]


@pytest.mark.django_db(transaction=True)
def test_it_cannot_be_stated_outside_a_transaction() -> None:
    heard: list[Event] = []
    subscribe(KettleBoiled, heard.append)
    with pytest.raises(EmittedOutsideTransaction):
        emit(KettleBoiled(degrees=100))
    assert heard == []


@pytest.mark.django_db
def test_a_handler_that_fails_undoes_what_was_done_before_it() -> None:
    def writes(event: KettleBoiled) -> None:
        IdempotencyRecord.objects.create(
            principal="p", method="POST", path="/", key="k" * 16, fingerprint="f"
        )

    def fails(event: KettleBoiled) -> None:
        raise RuntimeError("no tea")

    subscribe(KettleBoiled, writes)
    subscribe(KettleBoiled, fails)
    with pytest.raises(RuntimeError), transaction.atomic():
        emit(KettleBoiled(degrees=100))
    assert not IdempotencyRecord.objects.exists()


def test_declared_events_are_known_whether_subscribed_or_not() -> None:
    assert KettleBoiled in event_types()
    assert Event not in event_types()
