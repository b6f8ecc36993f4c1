"""Finding a booking again: always the same answer, and a fresh link by mail when it fits."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from bookings.actions.request_manage_link import request_manage_link
from bookings.forms import FindForm
from hmnp.accounts.principals import anonymous
from hmnp.core.limits import Action, limited
from hmnp.core.pages import new_form_key, page


@page("GET", "POST")
@limited(Action.LOGIN)
def find(request: HttpRequest) -> HttpResponse:
    """Ask for what the customer remembers; answer alike whether it fits or not."""
    form = FindForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        request_manage_link(
            reference=form.cleaned_data["reference"],
            contact=form.cleaned_data["contact"],
            actor=anonymous(request).actor,
            now=timezone.now(),
        )
        return redirect("find-sent")
    context = {"form": form, "form_key": new_form_key()}
    return render(request, "bookings/find.html", context, status=400 if form.errors else 200)


@page("GET")
def sent(request: HttpRequest) -> HttpResponse:
    """Say where to look for the link."""
    return render(request, "bookings/find_sent.html")
