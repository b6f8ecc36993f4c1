"""Who is shown V2, and for what: one switch a capability, and one that sends everybody back.

Without an address of V1 there is nowhere to send anybody, and V2 does everything. A visitor stays
where they are: the share they fall in goes by who they are and by the switch alone, so that
raising the share moves nobody back.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from waffle.models import Switch

from hmnp.accounts.principals import Principal
from hmnp.core.client_address import address_key, client_ip
from hmnp.rollout.models import Flag
from hmnp.rollout.states import Capability

VISITOR_COOKIE = "hmnp_visitor"
# On: back to V1 with everybody, whatever the other switches say.
KILL_SWITCH = "back-to-v1"
_PARTS = 10_000


def is_v1_there() -> bool:
    """Tell whether there is a V1 to send anybody to."""
    return bool(settings.V1_BASE_URL) and not settings.V1_ROUTES_GONE


def is_killed() -> bool:
    """Tell whether everybody is sent back to V1."""
    return Switch.objects.filter(name=KILL_SWITCH, active=True).exists()


def uses_v2(
    *, capability: Capability, request: HttpRequest, principal: Principal | None = None
) -> bool:
    """Tell whether V2 serves this caller; one statement or two."""
    if not is_v1_there():
        return True
    if is_killed():
        return False
    flag = _rows().filter(name=capability.value).first()
    return flag is not None and _is_on(flag, request, principal)


def _is_on(flag: Flag, request: HttpRequest, principal: Principal | None) -> bool:
    if flag.everyone is not None:
        return bool(flag.everyone)
    user = principal.user if principal else getattr(request, "user", None)
    if user is not None and flag.is_active_for_user(user):
        return True
    partner = principal.partner if principal else None
    if partner is not None and flag.partners.filter(pk=partner.pk).exists():
        return True
    share = flag.percent or Decimal(0)
    return part_of(flag.name, visitor_of(request, principal)) < share * _PARTS / 100


def part_of(name: str, visitor: str) -> int:
    """Give where a visitor falls for one switch, 0 to 9,999; the same whenever it is asked."""
    digest = hashlib.sha256(f"{name}:{visitor}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % _PARTS


def visitor_of(request: HttpRequest, principal: Principal | None = None) -> str:
    """Name who is asking: a partner or staff member, else the browser, else the address."""
    if principal is not None and (principal.partner or principal.user):
        return principal.key
    cookie = getattr(request, "visitor", "") or request.COOKIES.get(VISITOR_COOKIE, "")
    return cookie[:64] or f"address:{address_key(client_ip(request))}"


def set_killed(*, is_killed: bool, note: str) -> None:
    """Send everybody back to V1, or let the other switches speak again."""
    Switch.objects.update_or_create(
        name=KILL_SWITCH, defaults={"active": is_killed, "note": note[:500]}
    )


def flags() -> dict[Capability, Flag]:
    """Give every capability's switch; one that nobody has touched is off."""
    known: dict[str, Flag] = {flag.name: flag for flag in _rows().all()}
    return {
        capability: known.get(capability.value) or _new(capability) for capability in Capability
    }


def _new(capability: Capability) -> Flag:
    flag, _ = _rows().get_or_create(
        name=capability.value, defaults={"superusers": False, "percent": Decimal(0)}
    )
    return flag


def _rows() -> QuerySet[Flag]:
    """Give our flags; waffle's manager knows only its own kind."""
    return QuerySet(Flag).prefetch_related("partners")


def is_all_v2() -> bool:
    """Tell whether every capability is V2's for everybody."""
    if not is_v1_there():
        return True
    everyone = Flag.objects.filter(
        name__in=[capability.value for capability in Capability], everyone=True
    )
    return everyone.count() == len(Capability) and not is_killed()
