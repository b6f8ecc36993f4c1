"""Where one is signed in, and a button that ends it everywhere else."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone

from hmnp.accounts.own_sessions import end_others, sessions_of
from hmnp.desk.today_page import business_zone


def own_sessions(request: HttpRequest) -> HttpResponse:
    """List one's own sessions; end all but this one when the form is sent."""
    user, this, now = request.user, request.session.session_key or "", timezone.now()
    if request.method == "POST":
        ended = end_others(user=user, this=this, now=now)  # type: ignore[arg-type]  # the door lets nobody else in
        messages.success(request, _said(ended))
        return redirect("admin-sessions")
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "POST"])
    found = sessions_of(user=user, this=this, now=now)  # type: ignore[arg-type]  # as above
    context = {
        **admin.site.each_context(request),
        "title": "Where you are signed in",
        "sessions": found,
        "others": sum(not one.is_this for one in found),
        "zone": business_zone(),
    }
    return render(request, "desk/sessions.html", context)


def _said(ended: int) -> str:
    if not ended:
        return "You were signed in nowhere else."
    return f"You are signed out of {ended} other browser{'' if ended == 1 else 's'}."
