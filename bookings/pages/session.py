"""What a remote session needs first: its documents, and everybody who signs. Without scripts."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from bookings import session_readiness
from bookings.actions.delete_document import delete_document
from bookings.actions.store_document import MOST_DOCUMENTS, store_document
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.errors import InvalidStatusTransition
from bookings.links import manage_path
from bookings.models import Booking
from bookings.models.booking import DocumentStatus
from bookings.pages.own import own_page
from bookings.session_readiness import Missing
from bookings.sessions import OPEN_TO_SIGNERS
from bookings.signers_form import SignersForm
from bookings.states import BookingStatus
from hmnp.accounts.principals import Principal
from hmnp.core.errors import DomainError, NotFound
from services.definitions import ServiceType

_OPEN = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)
_SAID = {
    "sent": "Your documents have arrived.",
    "removed": "The document has been removed.",
    "signers": "The signers have been saved.",
}


def takes_documents(booking: Booking) -> bool:
    """Tell whether the booking is a remote session that has not begun."""
    return bool(booking.service.type == ServiceType.RON and booking.status in _OPEN)


def still_missing(booking: Booking) -> list[str]:
    """Say in plain words what the customer has still to give."""
    named = len([one for one in booking.signer_details if one.get("name") and one.get("email")])
    words = {
        Missing.DOCUMENTS: "The documents to be notarized, as PDF files",
        Missing.SIGNERS: "Name and e-mail of everyone who signs "
        f"({named} of {booking.signers} so far)",
        Missing.SIGNER_EMAILS: "An e-mail address for each signer: two of them share one",
    }
    return [words[code] for code in session_readiness.missing(booking=booking)]


@own_page("GET", "POST")
def session(request: HttpRequest, booking: Booking, caller: Principal) -> HttpResponse:
    """Show documents and signers; take, remove or save what is sent."""
    if not takes_documents(booking):
        return HttpResponseRedirect(manage_path(booking=booking))
    if request.method != "POST":
        return _show(request, booking)
    now = timezone.now()
    match request.POST.get("do"):
        case "upload":
            return _upload(request, booking, caller, now)
        case "remove":
            return _remove(request, booking, caller, now)
        case _:
            return _save_signers(request, booking, caller, now)


def _upload(
    request: HttpRequest, booking: Booking, caller: Principal, now: datetime
) -> HttpResponse:
    """Store every file sent; those that cannot be taken are named, the others stay."""
    sent = [one for one in request.FILES.getlist("file") if isinstance(one, UploadedFile)]
    if not sent:
        return _show(request, booking, problems=["Choose a PDF file first."], status=400)
    problems, status = [], 400
    for one in sent:
        if _is_here(booking, one):
            continue
        try:
            store_document(booking_id=booking.pk, upload=one, actor=caller.actor, now=now)
        except InvalidStatusTransition:
            raise
        except DomainError as error:
            status = error.status
            faults = getattr(error, "faults", ())
            said = faults[0].message if faults else error.message
            problems.append(f"{one.name}: {said}")
    if problems:
        return _show(request, booking, problems=problems, status=status)
    return _back(booking, "sent")


def _is_here(booking: Booking, upload: UploadedFile[bytes]) -> bool:
    """Tell whether the same content is kept already: the form was sent twice."""
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    kept = booking.files.filter(status=DocumentStatus.STORED, sha256=digest.hexdigest())
    return kept.exists()


def _remove(
    request: HttpRequest, booking: Booking, caller: Principal, now: datetime
) -> HttpResponse:
    # Sent twice, or removed in another window: it is gone, which is what was asked for.
    with suppress(ValueError, NotFound):
        delete_document(
            booking_id=booking.pk,
            document_id=UUID(request.POST.get("document", "")),
            actor=caller.actor,
            now=now,
        )
    return _back(booking, "removed")


def _save_signers(
    request: HttpRequest, booking: Booking, caller: Principal, now: datetime
) -> HttpResponse:
    form = SignersForm(request.POST, booking=booking)
    if not form.is_valid():
        return _show(request, booking, form=form, status=400)
    changes = BookingChanges(details={"signer_details": form.people()})
    update_booking(booking_id=booking.pk, changes=changes, actor=caller.actor, now=now)
    return _back(booking, "signers")


def _back(booking: Booking, done: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('manage-session', args=[booking.pk])}?done={done}")


def _show(
    request: HttpRequest,
    booking: Booking,
    *,
    form: SignersForm | None = None,
    problems: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    kept = booking.files.filter(status=DocumentStatus.STORED).order_by("uploaded_at", "id")
    missing = still_missing(booking)
    context: dict[str, Any] = {
        "booking": booking,
        "documents": kept,
        "may_add": len(kept) < MOST_DOCUMENTS,
        "more_than_booked": len(kept) > booking.documents,
        "form": form or SignersForm(booking=booking),
        "missing": missing,
        "problems": problems or [],
        "said": "" if problems or form else _SAID.get(request.GET.get("done", ""), ""),
        "is_invited": booking.ron_status in OPEN_TO_SIGNERS,
        "balance_cents": booking.balance_due_cents,
        "session_href": reverse("manage-session", args=[booking.pk]),
        "manage_href": manage_path(booking=booking),
    }
    return render(request, "bookings/session.html", context, status=status)
