"""Whoever was let in but given nothing to see is told who can change that."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hmnp.desk.reach import Reach
from hmnp.desk.roles import NOTARY


def refusal_without_reach(request: HttpRequest, reach: Reach) -> HttpResponse | None:
    """Answer 403, saying what an owner must do, when nobody's day is within reach; else None."""
    if reach.notary_ids != []:
        return None
    context = {
        **admin.site.each_context(request),
        "title": "Nothing to see yet",
        "is_notary": request.user.groups.filter(name=NOTARY).exists(),
    }
    return render(request, "desk/nothing_yet.html", context, status=403)
