"""The rows of the admin's lists.

The theme works out every heading and every class of every cell for each row: that was half of a
page's time, and two thirds of its weight. Here a column knows once how its cells are drawn, and
`desk.css` how they look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import template
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db.models import DateField, ForeignKey, Model, TimeField
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import result_headers
from unfold.utils import display_for_field, display_for_value

register = template.Library()


@dataclass(frozen=True)
class _Column:
    """How the cells of one column are drawn: between these two, what `draw` gives."""

    before: SafeString
    after: SafeString
    is_linked: bool
    draw: Callable[[Model], Any]


@register.inclusion_tag("admin/list_rows.html", takes_context=True)
def list_rows(context: dict[str, Any]) -> dict[str, Any]:
    """Draw headings and rows of the list that is shown."""
    cl = context["cl"]
    headers = list(result_headers(cl))
    return {
        "cl": cl,
        "result_headers": headers,
        "num_sorted_fields": sum(1 for one in headers if one["sortable"] and one["sorted"]),
        "has_add_permission": cl.model_admin.has_add_permission(context["request"]),
        "rows": _rows(cl, _columns(cl, headers)),
    }


def _rows(cl: Any, columns: list[_Column]) -> SafeString:
    kept = f"?{cl.preserved_filters}" if cl.preserved_filters else ""
    parts: list[str] = []
    for row in cl.result_list:
        address = f"{cl.url_for_result(row)}{kept}"
        parts.append('<tr class="data-row">')
        for one in columns:
            cell = one.draw(row)
            if one.is_linked:
                cell = format_html('<a href="{}">{}</a>', address, cell)
            parts += (one.before, conditional_escape(cell), one.after)
        parts.append("</tr>\n")
    # Every part is markup of ours, or was escaped as it was added.
    return SafeString("".join(parts))


def _columns(cl: Any, headers: list[dict[str, Any]]) -> list[_Column]:
    links = cl.list_display_links
    columns: list[_Column] = []
    for name, header in zip(cl.list_display, headers, strict=True):
        is_box = name == "action_checkbox"
        is_first = not any(one.is_linked for one in columns)
        is_linked = links is not None and (name in links if links else is_first and not is_box)
        draw, is_short = _way_to_draw(cl, name)
        tag = "th" if is_linked and is_first else "td"
        css = "action-checkbox" if is_box else f"field-{name}{' nowrap' if is_short else ''}"
        label = "Select record" if is_box else str(header["text"])
        before = format_html('<{} class="{}" data-label="{}">', tag, css, label)
        columns.append(_Column(before, format_html("</{}>", tag), is_linked, draw))
    return columns


def _way_to_draw(cl: Any, name: str) -> tuple[Callable[[Model], Any], bool]:
    """Give what draws a column's cells, and whether they are short things kept in one line."""
    empty = cl.model_admin.get_empty_value_display()
    try:
        field = cl.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        return _way_of_a_method(cl, name, empty), False

    def draw(row: Model) -> Any:
        try:
            value = getattr(row, name)
        except ObjectDoesNotExist:
            return empty
        if isinstance(field, ForeignKey):
            return empty if value is None else value
        return display_for_field(value, field, empty)

    return draw, isinstance(field, DateField | TimeField | ForeignKey)


def _way_of_a_method(cl: Any, name: str, empty: str) -> Callable[[Model], Any]:
    of_admin = getattr(cl.model_admin, name, None) if name != "__str__" else None
    method = of_admin or getattr(cl.model, name)
    is_boolean = getattr(method, "boolean", False)
    own_empty = getattr(method, "empty_value_display", empty)

    def draw(row: Model) -> Any:
        found = of_admin if of_admin is not None else getattr(row, name)
        args = (row,) if of_admin is not None else ()
        value = found(*args) if callable(found) else found
        return display_for_value(value, own_empty, is_boolean)

    return draw
