"""What the desk's lists and pages say of a row: cents as dollars, codes as words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from hmnp.core.money import show

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object


class InWords(_Base):
    """Mixin of an admin that only shows; put it first.

    Columns ending in `_cents` are dollars. Those in `worded` hold codes, of which `said` gives
    the words where the code itself does not read as such.
    """

    worded: tuple[str, ...] = ()
    said: Mapping[str, str] = {}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Give the list's columns."""
        return [self._shown(name) for name in super().get_list_display(request)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Give what a row's own page tells."""
        return [self._shown(name) for name in super().get_fields(request, obj)]

    def _shown(self, name: Any) -> Any:
        if name in self.worded:
            return self._method(name, name.replace("_", " "), self._word)
        if isinstance(name, str) and name.endswith("_cents"):
            return self._method(name, name.removesuffix("_cents").replace("_", " "), show)
        return name

    def _method(self, name: str, label: str, say: Callable[[Any], str]) -> str:
        """Give the name of a method of this admin that says the column, making it when needed."""
        method = f"{name}_said"
        if not hasattr(self, method):

            @admin.display(description=label, ordering=name)
            def column(row: Any) -> str | None:
                value = getattr(row, name)
                return None if value in (None, "") else say(value)

            setattr(self, method, column)
        return method

    def _word(self, code: str) -> str:
        return self.said.get(code) or str(code).replace("_", " ").capitalize()
