"""What the outside systems hold: of one booking, and how each destination's queue stands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from bookings.booking_admin import STATUS_WORDS
from bookings.models import Booking
from bookings.states import BookingStatus
from integrations import destinations, outbox, standing
from integrations.differences import Difference, Repair
from integrations.models import OutboxJob
from integrations.reconciliation import repair
from integrations.states import Destination, JobState

NAMES = {
    Destination.MAIL: "Mail",
    Destination.SMS: "SMS",
    Destination.GHL: "GoHighLevel",
    Destination.GOOGLE_CALENDAR: "Google Calendar",
    Destination.CALDAV: "CalDAV calendar",
    Destination.PROOF: "Proof",
}


def booking_outside(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Show what every system holds for a booking and what was sent; try a job again."""
    _check_permission(request)
    booking = Booking.objects.select_related("service").filter(pk=booking_id).first()
    if booking is None:
        raise Http404
    if request.method == "POST":
        _act_on_booking(request, booking)
        return redirect("admin-booking-outside", booking_id=booking_id)
    held, sent = held_rows(booking), message_rows(booking)
    jobs = [row["held"].job for row in held] + [row["job"] for row in sent]
    context = {
        **admin.site.each_context(request),
        "title": f"Outside systems of {booking.reference}",
        "booking": booking,
        "status": STATUS_WORDS[BookingStatus(booking.status)][1],
        "systems": held,
        "messages_sent": sent,
        "is_any_dead": any(job is not None and job.state == JobState.DEAD for job in jobs),
        "may_change": request.user.has_perm("integrations.change_outboxjob"),
    }
    return render(request, "desk/booking_outside.html", context)


def held_rows(booking: Booking) -> list[dict[str, Any]]:
    """Give what each system holds for a booking, named."""
    held = standing.held_for(booking_id=booking.pk)
    return [{"held": one, "name": NAMES[one.destination]} for one in held]


def message_rows(booking: Booking) -> list[dict[str, Any]]:
    """Give a booking's messages, newest first, each with what it is."""
    return [
        {"job": job, "what": f"{job.message_kind.replace('_', ' ')} ({_name(job)})"}
        for job in standing.messages_for(booking_id=booking.pk)
    ]


def _name(job: OutboxJob) -> str:
    return NAMES[Destination(job.destination)]


def queues(request: HttpRequest) -> HttpResponse:
    """Show every destination's queue; pause, resume, and try its dead jobs again."""
    _check_permission(request)
    if request.method == "POST":
        _act_on_destination(request)
        return redirect("admin-outside")
    context = {
        **admin.site.each_context(request),
        "title": "Outside systems",
        "queues": [
            {"queue": queue, "name": NAMES[queue.destination]} for queue in standing.queues()
        ],
        "dead": [
            {"job": job, "name": _name(job), "what": job.message_kind.replace("_", " ")}
            for job in OutboxJob.objects.filter(state=JobState.DEAD.value)
            .select_related("booking")
            .order_by("-finished_at")[:50]
        ],
        "may_change": request.user.has_perm("integrations.change_outboxjob"),
    }
    return render(request, "desk/outside.html", context)


def _check_permission(request: HttpRequest) -> None:
    needed = "change" if request.method == "POST" else "view"
    if not request.user.has_perm(f"integrations.{needed}_outboxjob"):
        raise PermissionDenied


def _act_on_booking(request: HttpRequest, booking: Booking) -> None:
    deed = request.POST.get("do", "")
    jobs = OutboxJob.objects.filter(booking=booking, state=JobState.DEAD.value)
    if deed == "replay":
        jobs = jobs.filter(pk=_id(request))
    elif deed == "sync":
        destination = _destination(request)
        repair(
            difference=Difference(
                system=destination,
                external_id="",
                what="asked for by staff",
                repair=Repair.RESYNC,
                booking_id=booking.pk,
            )
        )
        messages.success(request, f"{NAMES[destination]} is being brought up to date.")
        return
    elif deed != "replay_all":
        raise Http404
    _replay(request, list(jobs.values_list("pk", flat=True)))


def _act_on_destination(request: HttpRequest) -> None:
    destination = _destination(request)
    match request.POST.get("do", ""):
        case "pause":
            reason = request.POST.get("reason", "").strip() or "no reason given"
            by = request.user.get_username()
            destinations.pause(destination=destination, by=by, reason=reason)
            messages.success(request, f"{NAMES[destination]} is paused; its jobs wait.")
        case "resume":
            destinations.resume(destination=destination)
            messages.success(request, f"{NAMES[destination]} is resumed.")
        case "replay_all":
            dead = OutboxJob.objects.filter(
                destination=destination.value, state=JobState.DEAD.value
            )
            _replay(request, list(dead.values_list("pk", flat=True)))
        case _:
            raise Http404


def _replay(request: HttpRequest, job_ids: list[UUID]) -> None:
    started = sum(outbox.replay(job_id=job_id) for job_id in job_ids)
    level = messages.SUCCESS if started else messages.WARNING
    messages.add_message(request, level, f"{started} tried again." if started else "None is dead.")


def _destination(request: HttpRequest) -> Destination:
    try:
        return Destination(request.POST.get("destination", ""))
    except ValueError:
        raise Http404 from None


def _id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("job", ""))
    except ValueError:
        raise Http404 from None
