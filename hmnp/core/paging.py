"""Pages of a long list without counting it to the end."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

# Who wants more pages than this is looking for something, and narrows the list.
CAP = 10_000


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
