"""V1's rows, its callers and its differences in the admin: only to be read."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin
from waffle import get_waffle_flag_model
from waffle.models import Sample, Switch

from bookings.admin import ReadOnlyMixin
from hmnp.core.long_list import LongList
from hmnp.core.money import show
from hmnp.rollout.models import ShadowCheck, ShimCall, V1Row

# The switches have a page of their own, which knows what they mean.
for _model in (get_waffle_flag_model(), Switch, Sample):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(V1Row)
class V1RowAdmin(ReadOnlyMixin, LongList, ModelAdmin[V1Row]):
    list_display = ["table", "v1_id", "state", "reason", "target", "seen_at", "changed_at"]
    list_display_links = ["v1_id"]
    list_filter = ["table", "state"]
    search_fields = ["v1_id", "target", "parent_id"]
    sortable_by = ()
    readonly_fields = (
        "table",
        "v1_id",
        "parent_id",
        "state",
        "reason",
        "target",
        "row",
        "previous",
        "seen_at",
        "changed_at",
    )
    fields = readonly_fields


@admin.register(ShimCall)
class ShimCallAdmin(ReadOnlyMixin, ModelAdmin[ShimCall]):
    list_display = ["day", "endpoint", "caller", "status", "calls", "last_at"]
    list_filter = ["endpoint", "status"]
    date_hierarchy = "day"


@admin.register(ShadowCheck)
class ShadowCheckAdmin(ReadOnlyMixin, LongList, ModelAdmin[ShadowCheck]):
    list_display = ["v1_row", "verdict", "v1_price", "v2_price", "what", "checked_at"]
    list_filter = ["verdict"]
    list_select_related = ["v1_row"]
    search_fields = ["v1_row__v1_id"]

    @admin.display(description="V1's price", ordering="v1_cents")
    def v1_price(self, check: ShadowCheck) -> str:
        """Show it in dollars."""
        return show(check.v1_cents) if check.v1_cents is not None else "–"

    @admin.display(description="V2's price", ordering="v2_cents")
    def v2_price(self, check: ShadowCheck) -> str:
        """Show it in dollars."""
        return show(check.v2_cents) if check.v2_cents is not None else "–"

    @admin.display(description="Differences")
    def what(self, check: ShadowCheck) -> str:
        """List them."""
        return "; ".join(check.differences) or "none"
