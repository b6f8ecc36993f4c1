"""The list of bookings as a file for a spreadsheet: what the list shows, row by row, harmless."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from bookings.booking_admin import STATUS_WORDS, BookingAdmin
from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core.spreadsheets import harmless

logger = logging.getLogger(__name__)

HEADINGS = (
    *("Reference", "Status", "Date", "Start", "End", "Service", "Notary", "Partner"),
    *("Customer", "E-mail", "Phone", "Street", "Unit", "City", "State", "ZIP"),
    *("Signers", "Documents", "Price", "Paid", "Paid back", "Left to pay", "Booked at"),
)
_READ = (
    *("reference", "status", "starts_at", "ends_at", "timezone", "created_at"),
    *("service__name", "notary__name", "partner__name"),
    *("customer_name", "customer_email", "customer_phone"),
    *("street", "unit", "city", "state", "zip_code", "signers", "documents"),
    *("price_cents", "amount_paid_cents", "amount_refunded_cents"),
)
_CHUNK = 2000


def bookings_csv(request: HttpRequest) -> HttpResponseBase:
    """Stream the bookings that the list's address would show; who took what is kept."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET"])
    if not request.user.has_perm("bookings.export_booking"):
        raise PermissionDenied
    site_admin = admin.site.get_model_admin(Booking)
    assert isinstance(site_admin, BookingAdmin)  # noqa: S101 -- registered as such; for the type
    try:
        changes = site_admin.get_changelist_instance(request)
    except admin.options.IncorrectLookupParameters:
        return redirect("admin:bookings_booking_changelist")
    # A file has more of a booking than the list, and nothing of its snapshots.
    related = changes.get_queryset(request).select_related("service", "notary", "partner")
    rows = related.only(*_READ)
    _keep_who(request)
    name = f"bookings-{timezone.now():%Y-%m-%d}.csv"
    response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        """Give the line back."""
        return text


def _lines(rows: QuerySet[Booking]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    # For the spreadsheet that would else take the text for another encoding.
    yield "\ufeff"
    yield writer.writerow(HEADINGS)
    for booking in _newest_first(rows):
        yield writer.writerow([harmless(cell) for cell in _cells(booking)])


def _newest_first(rows: QuerySet[Booking]) -> Iterator[Booking]:
    """Read on from where the last page ended, a short statement each.

    One cursor over a million rows would keep a transaction open for minutes, or have the database
    write them all aside before the first is sent.
    """
    ordered = rows.order_by("-starts_at", "-pk")
    page = list(ordered[:_CHUNK])
    while page:
        yield from page
        last = page[-1]
        same = Q(starts_at=last.starts_at, pk__lt=last.pk)
        further = ordered.filter(same | Q(starts_at__lt=last.starts_at))
        # Said once more for the index, which does not see it in the either-or.
        page = list(further.filter(starts_at__lte=last.starts_at)[:_CHUNK])


def _cells(booking: Booking) -> list[object]:
    starts, ends = (at.astimezone(booking.zone) for at in (booking.starts_at, booking.ends_at))
    return [
        booking.reference,
        STATUS_WORDS[BookingStatus(booking.status)][1],
        f"{starts:%Y-%m-%d}",
        f"{starts:%H:%M}",
        f"{ends:%H:%M}",
        booking.service.name,
        booking.notary.name if booking.notary else "",
        booking.partner.name if booking.partner else "",
        booking.customer_name,
        booking.customer_email,
        getattr(booking.customer_phone, "as_national", booking.customer_phone),
        booking.street,
        booking.unit,
        booking.city,
        booking.state,
        booking.zip_code,
        booking.signers,
        booking.documents,
        *(
            f"{cents / 100:.2f}"
            for cents in (
                booking.price_cents,
                booking.amount_paid_cents,
                booking.amount_refunded_cents,
                booking.balance_due_cents,
            )
        ),
        f"{booking.created_at.astimezone(booking.zone):%Y-%m-%d %H:%M}",
    ]


def _keep_who(request: HttpRequest) -> None:
    """Keep who took which part of the list; what was searched for may be personal."""
    asked = {name: "…" if name == "q" else value for name, value in request.GET.items() if value}
    filters = ", ".join(f"{name}={value}" for name, value in sorted(asked.items())) or "all"
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type=ContentType.objects.get_for_model(Booking),
        object_repr="CSV",
        action_flag=CHANGE,
        change_message=f"Downloaded the list of bookings as CSV: {filters}"[:500],
    )
    logger.info("bookings exported", extra={"user_id": request.user.pk, "filters": filters[:200]})
