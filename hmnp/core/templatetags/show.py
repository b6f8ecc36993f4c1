"""Filters for money and time, so that every page words them alike."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField
from django.template.defaultfilters import date as dated
from django.utils.safestring import SafeString

from hmnp.core import pages
from hmnp.core.money import show

register = template.Library()


@register.filter
def money(amount_cents: int) -> str:
    """`4250` → `$42.50`."""
    return show(amount_cents)


@register.filter
def round_money(amount_cents: int) -> str:
    """`8500` → `$85`, `4250` → `$42.50`."""
    return show(amount_cents).removesuffix(".00")


@register.filter
def clock(instant: datetime, zone: ZoneInfo) -> str:
    """`9:30 am`."""
    return pages.clock(instant, zone=zone)


@register.filter
def day(value: date | datetime, zone: ZoneInfo | None = None) -> str:
    """`Tuesday 1 December`."""
    if isinstance(value, datetime):
        value = value.astimezone(zone).date()
    return pages.long_day(value)


@register.filter
def how_long(minutes: int) -> str:
    """`1 hour 30 minutes`."""
    return pages.length(minutes)


@register.filter
def stamp(instant: datetime) -> str:
    """An instant for a script: `2026-12-01T15:30:00+00:00`."""
    return instant.isoformat()


@register.filter(expects_localtime=True)
def when(instant: datetime | None, pattern: str) -> str:
    """Word an instant by Django's `pattern`, with `am` and `pm` as everywhere else."""
    words: str = dated(instant, pattern)
    return words.replace("a.m.", "am").replace("p.m.", "pm")


@register.filter
def control(field: BoundField) -> SafeString:
    """Give a field's control; a placeholder that only says its label again is left out."""
    attrs = field.field.widget.attrs
    if attrs.get("placeholder") == field.label:
        del attrs["placeholder"]
    return field.as_widget()
