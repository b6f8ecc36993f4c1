"""Fill an empty house with people, for a demonstration."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from bookings.models import Notary, NotaryHours
from hmnp.accounts.models import Partner, PartnerApiKey, Scope
from services.models import Service

_DATA = Path(__file__).resolve().parents[1] / "data" / "demo.toml"
_KEY_NAME = "demo"


@dataclass(frozen=True)
class DemoLogins:
    """What a person needs to look around."""

    staff_username: str
    staff_password: str
    partner_name: str
    partner_key: str


@transaction.atomic
def load_demo() -> DemoLogins:
    """Make the demo notaries, staff user and partner where they are missing.

    Running it again changes nothing but the partner's key, which is made anew since it is
    stored hashed and can be shown only once.
    """
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    for entry in data["notaries"]:
        _notary(entry)
    staff = data["staff"]
    user, is_new = get_user_model().objects.get_or_create(
        username=staff["username"],
        defaults={"email": staff["email"], "is_staff": True, "is_superuser": True},
    )
    if is_new:
        user.set_password(staff["password"])
        user.save()
    partner, _ = Partner.objects.get_or_create(
        name=data["partner"]["name"],
        defaults={key: value for key, value in data["partner"].items() if key != "name"},
    )
    PartnerApiKey.objects.filter(partner=partner, name=_KEY_NAME).delete()
    _, key = PartnerApiKey.objects.create_key(
        name=_KEY_NAME, partner=partner, scopes=[scope.value for scope in Scope]
    )
    return DemoLogins(
        staff_username=staff["username"],
        staff_password=staff["password"],
        partner_name=partner.name,
        partner_key=key,
    )


def _notary(entry: dict[str, Any]) -> None:
    notary, is_new = Notary.objects.get_or_create(
        email=entry["email"],
        defaults={
            "name": entry["name"],
            "phone": entry["phone"],
            "home_zip": entry["home_zip"],
            "languages": entry["languages"],
            "daily_capacity": entry.get("daily_capacity", 8),
            "calendar_id": entry["calendar_id"],
        },
    )
    if not is_new:
        return
    notary.skills.set(Service.objects.filter(slug__in=entry["skills"]))
    NotaryHours.objects.bulk_create(
        NotaryHours(
            notary=notary,
            weekday=weekday,
            opens_minute=_minute(entry["opens"]),
            closes_minute=_minute(entry["closes"]),
        )
        for weekday in range(1, 8)
    )


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
