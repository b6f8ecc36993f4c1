"""Who did something, in words: rows name people by an id, staff read names."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth import get_user_model

from hmnp.accounts.models import Partner
from hmnp.core.context import ActorType

_PROVIDERS = {"stripe": "Stripe", "ghl": "the CRM", "proof": "Proof", "": "an outside system"}


def names_of(actors: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Give what each actor, a type and an id, is called; two statements at most."""
    asked = set(actors)
    staff = {one for kind, one in asked if kind == ActorType.ADMIN and one.isdigit()}
    partners = {one for kind, one in asked if kind == ActorType.PARTNER and one.isdigit()}
    users = {
        str(user.pk): user.get_full_name() or user.get_username()
        for user in (get_user_model()._default_manager.filter(pk__in=staff) if staff else ())
    }
    firms = {
        str(partner.pk): partner.name
        for partner in (Partner.objects.filter(pk__in=partners) if partners else ())
    }
    return {actor: _name(*actor, users=users, firms=firms) for actor in asked}


def _name(kind: str, actor_id: str, *, users: dict[str, str], firms: dict[str, str]) -> str:
    match kind:
        case ActorType.ADMIN:
            return users.get(actor_id) or actor_id or "our staff"
        case ActorType.PARTNER:
            return firms.get(actor_id, "a partner")
        case ActorType.CUSTOMER:
            return "the customer"
        case ActorType.PROVIDER:
            return _PROVIDERS.get(actor_id, actor_id)
        case _:
            return "the system"
