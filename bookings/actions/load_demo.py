"""Fill an empty house with people, for a demonstration."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from bookings.models import Notary, NotaryHours
from hmnp.accounts.demo_factor import give_demo_factor
from hmnp.accounts.models import Partner, PartnerApiKey, Scope
from services.models import Service

_DATA = Path(__file__).resolve().parents[1] / "data" / "demo.toml"
_KEY_NAME = "demo"


@dataclass(frozen=True)
class DemoLogins:
    """What a person needs to look around."""

    staff: dict[str, str]
    staff_password: str
    totp_secret: str
    recovery_code: str
    partner_name: str
    partner_key: str


@transaction.atomic
def load_demo() -> DemoLogins:
    """Make the demo notaries, staff and partner where they are missing.

    Running it again changes nothing but the partner's key, which is made anew since it is
    stored hashed and can be shown only once.
    """
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    for entry in data["notaries"]:
        _notary(entry)
    staff = data["staff"]
    users = [_staff(entry, password=staff["password"]) for entry in staff["users"]]
    secret, recovery_code = give_demo_factor(users=users)
    partner, _ = Partner.objects.get_or_create(
        name=data["partner"]["name"],
        defaults={key: value for key, value in data["partner"].items() if key != "name"},
    )
    PartnerApiKey.objects.filter(partner=partner, name=_KEY_NAME).delete()
    _, key = PartnerApiKey.objects.create_key(
        name=_KEY_NAME, partner=partner, scopes=[scope.value for scope in Scope]
    )
    return DemoLogins(
        staff={entry["username"]: entry["role"] for entry in staff["users"]},
        staff_password=staff["password"],
        totp_secret=secret,
        recovery_code=recovery_code,
        partner_name=partner.name,
        partner_key=key,
    )


def _staff(entry: dict[str, Any], *, password: str) -> User:
    """Make a member of staff; a notary by the same address signs in as this one."""
    user, is_new = User.objects.get_or_create(
        username=entry["username"], defaults={"email": entry["email"], "is_staff": True}
    )
    if is_new:
        user.set_password(password)
        user.save()
    role, _ = Group.objects.get_or_create(name=entry["role"])
    user.groups.add(role)
    notary = Notary.objects.filter(email=entry["email"], user=None).first()
    if notary is not None:
        notary.user = user
        notary.save(update_fields=["user"])
    return user


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
