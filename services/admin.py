"""The whole catalogue, to be edited by staff; what is not in the admin is not a rule of ours."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import models
from django.forms import Field, ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from services.forms import BandFormSet, DollarsField, MinuteOfDayField
from services.models import (
    CancellationTier,
    PriceRule,
    PromoCode,
    Service,
    ServiceArea,
    ServiceHours,
    ServiceIntegration,
    StatutoryRate,
    TravelBand,
)
from services.previewed_admin import PreviewedAdmin

MINUTES_OF_DAY = {"opens_minute", "closes_minute", "before_minute", "from_minute"}


class InPeoplesUnits:
    """Shows cents as dollars and minutes of the day as times."""

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Field | None:
        """Give the form field of a column."""
        shared: dict[str, Any] = {
            "required": not db_field.null,
            "help_text": db_field.help_text,
            "label": str(db_field.verbose_name).removesuffix(" cents").removesuffix(" minute"),
        }
        if db_field.name.endswith("_cents"):
            shared["label"] = f"{shared['label']} ($)".capitalize()
            if db_field.has_default():
                shared["initial"] = db_field.default
            return DollarsField(**shared)
        if db_field.name in MINUTES_OF_DAY:
            shared["label"] = str(shared["label"]).capitalize()
            return MinuteOfDayField(**shared)
        if db_field.name == "weekdays":
            kwargs |= {"widget": UnfoldAdminTextInputWidget, "show_hidden_initial": False}
        formfield: Field | None = super().formfield_for_dbfield(  # type: ignore[misc]  # a mixin
            db_field, request, **kwargs
        )
        return formfield


class HoursInline(InPeoplesUnits, TabularInline[ServiceHours, Service]):
    model = ServiceHours
    extra = 0


class PriceRuleInline(InPeoplesUnits, TabularInline[PriceRule, Service]):
    model = PriceRule
    extra = 0


class CancellationTierInline(InPeoplesUnits, TabularInline[CancellationTier, Service]):
    model = CancellationTier
    extra = 0


class IntegrationInline(TabularInline[ServiceIntegration, Service]):
    model = ServiceIntegration
    extra = 0


class BandInline(InPeoplesUnits, TabularInline[TravelBand, ServiceArea]):
    model = TravelBand
    formset = BandFormSet
    extra = 0


@admin.register(Service)
class ServiceAdmin(PreviewedAdmin, InPeoplesUnits, ModelAdmin[Service]):
    list_display = ["name", "slug", "type", "base_price", "duration_minutes", "is_active"]
    list_filter = ["type", "is_active"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [HoursInline, PriceRuleInline, CancellationTierInline, IntegrationInline]
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "type", "is_active", "position"]}),
        (
            "Price",
            {"fields": ["base_price_cents", "deposit_kind", "deposit_value", "tax_percent"]},
        ),
        (
            "What is included",
            {
                "fields": [
                    ("included_signers", "max_signers"),
                    ("included_documents", "max_documents"),
                    ("area", "included_miles"),
                ]
            },
        ),
        (
            "Time",
            {
                "fields": [
                    ("duration_minutes", "wrap_up_minutes"),
                    ("notice_minutes", "horizon_days", "grid_minutes"),
                    "timezone",
                    ("move_fee_cents", "free_move_minutes"),
                ]
            },
        ),
    ]

    def priced_services(self, row: Service) -> list[UUID]:
        """Name itself."""
        return [row.pk]

    @admin.display(description="Base price", ordering="base_price_cents")
    def base_price(self, service: Service) -> str:
        """Show dollars."""
        return f"${service.base_price_cents / 100:,.2f}"


@admin.register(ServiceArea)
class ServiceAreaAdmin(PreviewedAdmin, InPeoplesUnits, ModelAdmin[ServiceArea]):
    list_display = ["name", "centre_zip", "last_served_mile"]
    inlines = [BandInline]

    def priced_services(self, row: ServiceArea) -> list[UUID]:
        """Name the services that drive there."""
        return list(Service.objects.filter(area=row).values_list("pk", flat=True))


@admin.register(StatutoryRate)
class StatutoryRateAdmin(PreviewedAdmin, InPeoplesUnits, ModelAdmin[StatutoryRate]):
    list_display = ["code", "amount", "valid_from", "valid_until", "source"]
    list_filter = ["code"]

    def priced_services(self, row: StatutoryRate) -> None:
        """Name all: the law holds for each."""

    def priced_from(self, row: StatutoryRate) -> date:
        """Look at days on which it is in force, or no longer."""
        return row.valid_until or row.valid_from

    @admin.display(description="Amount", ordering="amount_cents")
    def amount(self, rate: StatutoryRate) -> str:
        """Show dollars."""
        return f"${rate.amount_cents / 100:,.2f}"


@admin.register(PromoCode)
class PromoCodeAdmin(PreviewedAdmin, InPeoplesUnits, ModelAdmin[PromoCode]):
    list_display = ["code", "kind", "valid_from", "valid_until", "times_used", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "description"]
    filter_horizontal = ["services"]
    readonly_fields = ["times_used"]

    def priced_services(self, row: PromoCode) -> list[UUID] | None:
        """Name the services it is for."""
        return list(row.services.values_list("pk", flat=True)) or None

    def save_model(
        self,
        request: HttpRequest,
        obj: PromoCode,
        form: ModelForm[PromoCode],
        change: bool,
    ) -> None:
        """Save what the form changed; `times_used` may have grown since the page was read."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=[name for name in form.changed_data if name != "services"])
