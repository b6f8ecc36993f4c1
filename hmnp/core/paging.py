"""Pages of a long list: one statement for its rows and their number, not counted to the end."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import IntegerField, QuerySet, Subquery
from django.utils.functional import cached_property

# Who wants more pages than this is looking for something, and narrows the list.
CAP = 10_000


class _CountedTo(Subquery):
    """How many rows a query has; asked beside the rows of its page."""

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


class CappedPaginator(Paginator[Any]):
    """Counts up to `CAP` rows and no further: a million rows cost what ten thousand do."""

    @cached_property
    def count(self) -> int:
        """How many there are, at most `CAP`."""
        rows: Any = self.object_list
        return int(rows.order_by()[:CAP].count())

    @property
    def is_capped(self) -> bool:
        """There are more than the pages reach."""
        return bool(self.count >= CAP)

    def rows(self, number: int) -> list[Any]:
        """Give the rows of a page; what they number is known afterwards without asking again."""
        every: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # a list pages itself
        first = (max(number, 1) - 1) * self.per_page
        counted = _CountedTo(every.order_by()[:CAP].values("pk"))
        page = list(every.annotate(_counted=counted)[first : first + self.per_page])
        if page:
            self.count = page[0]._counted
        elif not first:
            self.count = 0
        return page
