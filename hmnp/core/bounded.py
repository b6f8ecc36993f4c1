"""What a process remembers, no more than so many."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(dict[K, V]):
    """A dict that is emptied whole before it would hold more than `most`: it fills again soon."""

    def __init__(self, *, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        """Remember it."""
        if len(self) >= self._most and key not in self:
            self.clear()
        super().__setitem__(key, value)
