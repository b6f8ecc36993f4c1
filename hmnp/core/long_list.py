"""Lists of the admin that stay fast however long they are.

What makes Django's own slow at a million rows: counting them all, twice; a hierarchy of dates; a
search for words anywhere in a text; filters that fetch every row of another table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from hmnp.core.paging import CappedPaginator

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object


class LongChangeList(ChangeList):
    """Reads a page and how many rows there are in one statement."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page. Raises IncorrectLookupParameters when there is none of that number."""
        paginator: Any = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        page = paginator.rows(self.page_num)
        if self.page_num < 1 or (self.page_num > 1 and not page):
            raise IncorrectLookupParameters
        self.paginator = paginator
        self.result_list = page
        self.result_count = paginator.count
        # What is not narrowed is not said to be so many of more.
        is_narrowed = self.query or self.has_active_filters
        self.full_result_count = None if is_narrowed else paginator.count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = paginator.count > self.list_per_page

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Put equals in the list's own order, in the direction they are sorted in.

        So an index over both serves either direction.
        """
        ordering: list[Any] = list(super().get_ordering(request, queryset))
        first, is_asked = ordering[0], self.params.get(ORDER_VAR)
        if not is_asked or not all(isinstance(one, str) for one in ordering):
            return ordering
        sign = "-" if first.startswith("-") else ""
        return [first, *(f"{sign}{one.lstrip('-')}" for one in ordering[1:])]


class LongList(_Base):
    """Mixin of a list that may have millions of rows; put it first.

    `search_fields` are looked up one by one, each by an index of its own: `=` or a lookup such as
    `startswith`, as typed or in capitals.
    """

    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Give the list that counts no further than its pages reach."""
        return LongChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find what any of the fields says, each asked by itself: an OR would walk the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = list(self._found(request, term))
        if not found:
            return queryset.none(), False
        ids = found[0].union(*found[1:]) if len(found) > 1 else found[0]
        return queryset.filter(pk__in=ids), False

    def _found(self, request: HttpRequest, term: str) -> Iterator[QuerySet[Any]]:
        for field in self.get_search_fields(request):
            meant = Q()
            try:
                for word in dict.fromkeys((term, term.upper())):
                    meant |= Q((field, word))
                yield self.model._default_manager.filter(meant).order_by().values("pk")
            except (ValidationError, ValueError):
                # A word that cannot be such a field's value is not found there.
                continue
