"""Where a person goes on with a case: Stripe's page, the notary's calendar, a booking's steps."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from bookings.models import Notary
from hmnp.core.cases import CaseKind
from hmnp.desk.models import Case
from integrations.models import CalendarFeed
from payments.models import Dispute
from payments.stripe_pages import dispute_page, payment_page

_MOVE = ("admin-booking-move", "Move the booking")
_ASSIGN = ("admin-booking-assign", "Give it to another notary")
_CANCEL = ("admin-booking-cancel", "Cancel the booking")
_EDIT = ("admin-booking-edit", "Change the customer's details")
_MONEY = ("admin-booking-money", "The booking's money")
_OUTSIDE = ("admin-booking-outside", "What the systems hold")
_PAGES: dict[CaseKind, tuple[tuple[str, str], ...]] = {
    CaseKind.CALENDAR_CLASH: (_ASSIGN, _MOVE, _CANCEL),
    CaseKind.OUTSIDE_CHANGE: (_MOVE, _EDIT, _CANCEL),
    CaseKind.OUTSIDE_MISMATCH: (_OUTSIDE,),
    CaseKind.INTEGRATION_DEAD: (_OUTSIDE,),
    CaseKind.MESSAGE_BOUNCED: (_EDIT, _OUTSIDE),
    CaseKind.KBA_FAILED: (_OUTSIDE, _CANCEL),
    CaseKind.DISPUTE: (_MONEY, _CANCEL),
    CaseKind.LATE_PAYMENT: (_MONEY,),
    CaseKind.PROCESSING_TOO_LONG: (_MONEY,),
    CaseKind.REFUND_FAILED: (_MONEY,),
    CaseKind.REFUND_NOT_COVERED: (_MONEY,),
    CaseKind.MISMATCH: (_MONEY,),
    CaseKind.V1_CONFLICT: (_ASSIGN, _MOVE, _CANCEL),
    CaseKind.V1_IMPORT: (_EDIT,),
}


@dataclass(frozen=True)
class Way:
    """Where what cannot be done here is done."""

    label: str
    url: str


def ways_for(case: Case) -> list[Way]:
    """Give the pages on which a person goes on with a case."""
    found = []
    if case.kind == CaseKind.DISPUTE and (dispute := _dispute(case)):
        found.append(Way("The dispute at Stripe", dispute_page(dispute.provider_dispute_id)))
    if case.subject.startswith("intent:"):
        found.append(Way("The charge at Stripe", payment_page(case.subject.rpartition(":")[2])))
    if case.subject.startswith("calendar_feed:") and (notary := _notary_of_feed(case)):
        address = reverse("admin:bookings_notary_change", args=[notary])
        found.append(Way("The notary's calendar", address))
    if case.booking_id is not None:
        found += [
            Way(words, reverse(name, args=[case.booking_id]))
            for name, words in _PAGES.get(CaseKind(case.kind), ())
        ]
    return [way for way in found if way.url]


def _dispute(case: Case) -> Dispute | None:
    dispute_id = case.key.removeprefix("dispute:").partition(":")[0]
    try:
        return Dispute.objects.filter(pk=UUID(dispute_id)).first()
    except ValueError:
        return None


def _notary_of_feed(case: Case) -> int | None:
    feed_id = case.subject.rpartition(":")[2]
    feed = CalendarFeed.objects.filter(pk=int(feed_id)).first() if feed_id.isdecimal() else None
    if feed is None:
        return None
    return Notary.objects.filter(calendar_id=feed.container).values_list("pk", flat=True).first()
