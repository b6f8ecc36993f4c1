"""The page of the switches: who is V2's, how it goes, and the one click back to V1."""

from __future__ import annotations

import logging
from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from hmnp.accounts.models import Partner
from hmnp.rollout.models import Flag, ShadowCheck, V1Row
from hmnp.rollout.states import Capability, RowState
from hmnp.rollout.switches import flags, is_killed, is_v1_there, set_killed
from hmnp.rollout.usage import QUIET_DAYS, readiness

logger = logging.getLogger(__name__)

_TITLES = {
    Capability.PAGES: ("Pages", "The site's pages up to the booking form."),
    Capability.BOOKING: ("New bookings", "V1's addresses that make a booking."),
    Capability.READS: ("Reading bookings", "V1's addresses that show a booking."),
    Capability.AVAILABILITY: ("Services and times", "V1's addresses for services and free times."),
}
_EVERYONE = {"v1": False, "v2": True, "some": None}
_MOST = Decimal("99.9")


def switches_page(request: HttpRequest) -> HttpResponse:
    """Show every switch; a POST moves one, or sends everybody back."""
    needed = "change" if request.method == "POST" else "view"
    if not request.user.has_perm(f"rollout.{needed}_flag"):
        raise PermissionDenied
    if request.method == "POST":
        _act(request)
        return redirect("admin-rollout")
    now = timezone.now()
    found = readiness(now=now)
    partners = list(Partner.objects.filter(is_active=True))
    context = {
        **admin.site.each_context(request),
        "title": "V1 and V2",
        "is_v1_there": is_v1_there(),
        "v1_address": settings.V1_BASE_URL,
        "is_killed": is_killed(),
        "switches": [_shown(capability, flag, partners) for capability, flag in flags().items()],
        "ready": found,
        "quiet_days": found.quiet_days(today=now.date()),
        "wanted_days": QUIET_DAYS,
        "can_end": found.is_ready(today=now.date()),
        "rows": V1Row.objects.order_by()
        .values("table", "state")
        .annotate(n=Count("pk"))
        .order_by("table", "state"),
        "rejected": V1Row.objects.filter(state=RowState.REJECTED.value).count(),
        "shadow": ShadowCheck.objects.order_by()
        .values("verdict")
        .annotate(n=Count("pk"))
        .order_by("verdict"),
        "may_change": request.user.has_perm("rollout.change_flag"),
    }
    return render(request, "rollout/switches.html", context)


def _shown(capability: Capability, flag: Flag, partners: list[Partner]) -> dict[str, object]:
    title, says = _TITLES[capability]
    chosen = {partner.pk for partner in flag.partners.all()}
    return {
        "name": capability.value,
        "title": title,
        "says": says,
        "mode": next(mode for mode, everyone in _EVERYONE.items() if everyone is flag.everyone),
        "percent": flag.percent or 0,
        "staff": flag.staff,
        "partners": [(partner, partner.pk in chosen) for partner in partners],
        "note": flag.note,
    }


def _act(request: HttpRequest) -> None:
    deed = request.POST.get("do", "")
    who = f"{request.user.get_username()}, {timezone.localtime():%Y-%m-%d %H:%M}"
    if deed in ("kill", "resume"):
        set_killed(is_killed=deed == "kill", note=who)
        logger.warning("back to V1" if deed == "kill" else "V2 again", extra={"by": who})
        said = "Everybody is V1's again." if deed == "kill" else "The switches speak again."
        messages.add_message(
            request, messages.WARNING if deed == "kill" else messages.SUCCESS, said
        )
    elif deed == "switch":
        _switch(request, who)
    else:
        raise Http404


def _switch(request: HttpRequest, who: str) -> None:
    try:
        capability = Capability(request.POST.get("name", ""))
        everyone = _EVERYONE[request.POST.get("mode", "")]
    except (ValueError, KeyError):
        raise Http404 from None
    title = _TITLES[capability][0]
    try:
        percent = Decimal(request.POST.get("percent") or "0")
    except InvalidOperation:
        percent = Decimal(-1)
    if not 0 <= percent <= _MOST:
        messages.error(request, f"{title}: the share must be between 0 and {_MOST} %.")
        return
    with transaction.atomic():
        flag = Flag.objects.select_for_update().get(pk=flags()[capability].pk)
        flag.everyone = everyone
        flag.percent = percent.quantize(Decimal("0.1"))
        flag.staff = request.POST.get("staff") == "on"
        flag.note = who
        flag.save()
        ids = [pk for pk in request.POST.getlist("partners") if pk.isdigit()]
        flag.partners.set(Partner.objects.filter(pk__in=ids))
    logger.warning("a switch was moved", extra={"switch": capability.value, "by": who})
    messages.success(request, f"{title}: {_in_words(flag)}.")


def _in_words(flag: Flag) -> str:
    if flag.everyone is not None:
        return "V2 for everybody" if flag.everyone else "V1 for everybody"
    return f"V2 for {flag.percent} % of visitors" + (", and staff" if flag.staff else "")
