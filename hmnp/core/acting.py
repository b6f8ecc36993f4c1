"""Who is at work, for whoever must write it down: the audit log asks when it writes a row."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Task
from django.contrib.auth.models import AbstractBaseUser

from hmnp.core.context import SYSTEM, Actor


@dataclass(frozen=True)
class Acting:
    """The actor, the account of a staff member, and the program where no request asked."""

    actor: Actor = SYSTEM
    user: AbstractBaseUser | None = None
    program: str = ""


_acting: ContextVar[Callable[[], Acting] | None] = ContextVar("acting", default=None)


def who_is_acting() -> Acting:
    """Tell who is at work here and now; outside of any request or task, the system."""
    ask = _acting.get()
    return Acting(program=_command()) if ask is None else ask()


@contextmanager
def acting(ask: Callable[[], Acting]) -> Iterator[None]:
    """Have `ask` say who is at work in the block; it is called only when somebody asks."""
    token = _acting.set(ask)
    try:
        yield
    finally:
        _acting.reset(token)


class ActingTask(Task):  # type: ignore[type-arg]  # generic in the stubs only
    """A Celery task that is known by its name in what is written down about its work."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        with acting(lambda: Acting(program=f"task {self.name}")):
            # Not the inherited call, which would put an empty request over the worker's.
            return self.run(*args, **kwargs)


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
