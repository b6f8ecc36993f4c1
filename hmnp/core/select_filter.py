"""A filter of an admin's list as one select, however many there are to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join

if TYPE_CHECKING:
    _Base = admin.SimpleListFilter
else:
    _Base = object


class SelectFilter(_Base):
    """Mixin of a SimpleListFilter; put it first.

    It stands in the form of `list_filter_submit`, and needs no script.
    """

    template = "admin/select_filter.html"

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Give the whole control: drawn at once, as a form would draw each option by a template."""
        chosen = str(self.value() or "")
        known = [("", "All"), *((str(key), name) for key, name in self.lookup_choices)]
        yield {
            "selected": not chosen,
            "select": format_html(
                '<select name="{}">{}</select>',
                self.parameter_name,
                format_html_join(
                    "",
                    '<option value="{}"{}>{}</option>',
                    ((key, " selected" if key == chosen else "", name) for key, name in known),
                ),
            ),
        }
