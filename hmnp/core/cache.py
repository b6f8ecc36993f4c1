"""Answers kept in Redis, spared being made again; never an authority, and never needed.

A key carries the versions (`hmnp.core.versions`) that were read before the rows, so that a commit
ends the old answer at once and there is nothing to delete. Whatever Redis does (away, slow, empty)
an answer is made from the rows then. Inside a transaction nothing is read or kept: a decision may
be under way there, and what it has written is not true yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django_redis import get_redis_connection

from hmnp.core import redis_rest
from hmnp.core.bounded import Bounded
from hmnp.core.metrics import count_cache as count_cache  # who keeps more counts with us

# Raised when what is kept is written differently: old values are then never found.
_FORM = "1"
# A rebuild takes milliseconds; one that died is taken over after this.
_TURN_MILLISECONDS = 2_000
# How long others wait for who is rebuilding, before they make the answer themselves.
_WAIT_SECONDS = 0.3
_LOOK_EVERY_SECONDS = 0.01


# What this process has read by itself, and until when.
_own: Bounded[tuple[str, str], tuple[bytes, float]] = Bounded(most=1024)


@dataclass(frozen=True)
class Family:
    """Keys that begin alike and are counted together; none is kept longer than `seconds`."""

    name: str
    seconds: int


# Of a list of indexes: what belongs there, and for how many seconds at most.
Build = Callable[[Sequence[int]], Mapping[int, tuple[bytes, float]]]


def fetch(
    *,
    family: Family,
    keys: Sequence[str],
    build: Build,
    is_fresh: Callable[[bytes], bool] = lambda _: True,
) -> list[bytes]:
    """Give the value of each key, in order: kept, if it `is_fresh`, else what `build` makes.

    `build` is called for the missing indexes together; what it raises is raised, and not kept. Of
    many who miss the same at once one builds, and the others wait for it a moment.
    """
    if connection.in_atomic_block:
        made = build(range(len(keys)))
        return [made[index][0] for index in range(len(keys))]
    names = [f"hmnp:{family.name}:{key}:{_FORM}" for key in keys]
    values = _read(names, is_fresh)
    for value in values:
        count_cache(family=family.name, is_hit=value is not None)
    missing = [index for index, value in enumerate(values) if value is None]
    if missing:
        with _turn(names[missing[0]]) as is_mine:
            if not is_mine:
                _wait(names, values, missing, is_fresh)
                missing = [index for index in missing if values[index] is None]
            made = build(missing) if missing else {}
            for index in missing:
                values[index] = made[index][0]
            _keep(family, {names[index]: made[index] for index in missing})
    return [value or b"" for value in values]


def fetch_one(*, family: Family, key: str, build: Callable[[], bytes]) -> bytes:
    """Give the value of one key that does not end but with its version: kept, else made.

    It cannot become wrong under its key, so this process keeps it, too, and asks Redis once.
    """
    name = (family.name, key)
    now = time.monotonic()
    value, until = _own.get(name, (b"", 0.0))
    if until > now and not connection.in_atomic_block:
        count_cache(family=family.name, is_hit=True)
        return value

    def build_it(_: Sequence[int]) -> dict[int, tuple[bytes, float]]:
        return {0: (build(), family.seconds)}

    value = fetch(family=family, keys=[key], build=build_it)[0]
    if not connection.in_atomic_block:
        _own[name] = value, now + family.seconds
    return value


def forget_own() -> None:
    """Forget what this process keeps by itself: for tests of what Redis keeps."""
    _own.clear()


def _redis() -> Any:
    return get_redis_connection("default")


def _read(names: Sequence[str], is_fresh: Callable[[bytes], bool]) -> list[bytes | None]:
    if redis_rest.is_resting():
        return [None] * len(names)
    try:
        found = _redis().mget(names)
    except redis_rest.FAILURES:
        redis_rest.rest()
        return [None] * len(names)
    return [value if value is not None and is_fresh(value) else None for value in found]


def _keep(family: Family, values: Mapping[str, tuple[bytes, float]]) -> None:
    if not values or redis_rest.is_resting():
        return
    try:
        with _redis().pipeline(transaction=False) as pipe:
            for name, (value, seconds) in values.items():
                milliseconds = int(min(seconds, family.seconds) * 1000)
                if milliseconds > 0:
                    pipe.set(name, value, px=milliseconds)
            pipe.execute()
    except redis_rest.FAILURES:
        redis_rest.rest()


@contextmanager
def _turn(name: str) -> Iterator[bool]:
    """Tell whether it is this caller's turn to build; without Redis it is everybody's."""
    lock, is_mine = f"{name}:turn", True
    if not redis_rest.is_resting():
        try:
            is_mine = bool(_redis().set(lock, b"1", nx=True, px=_TURN_MILLISECONDS))
        except redis_rest.FAILURES:
            redis_rest.rest()
    try:
        yield is_mine
    finally:
        # Should the turn have ended meanwhile, another's is cut short: one answer is made twice.
        if is_mine and not redis_rest.is_resting():
            try:
                _redis().delete(lock)
            except redis_rest.FAILURES:
                redis_rest.rest()


def _wait(
    names: Sequence[str],
    values: list[bytes | None],
    missing: Sequence[int],
    is_fresh: Callable[[bytes], bool],
) -> None:
    """Look until who is building has kept everything, or the patience is over."""
    give_up_at = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < give_up_at and not redis_rest.is_resting():
        time.sleep(_LOOK_EVERY_SECONDS)
        for index, value in zip(
            missing, _read([names[index] for index in missing], is_fresh), strict=True
        ):
            values[index] = value
        if all(values[index] is not None for index in missing):
            return
