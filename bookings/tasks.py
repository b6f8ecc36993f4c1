"""Housekeeping of the calendar and of documents; the rows say what is due."""

from celery import shared_task
from django.utils import timezone

from bookings.actions import expire_holds as expiry
from bookings.actions import purge_documents as purge


@shared_task(name="bookings.expire_holds")
def expire_holds() -> int:
    """Expire dead holds; give how many."""
    return expiry.expire_holds()


@shared_task(name="bookings.purge_documents")
def purge_documents() -> int:
    """Remove documents whose time is over; give how many."""
    return purge.purge_documents(now=timezone.now())
