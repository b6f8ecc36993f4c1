"""Where appointments wait that were agreed elsewhere and that no notary can do as things stand.

Such an appointment stands, and the customer counts on it; but no real notary's calendar can hold
it. It is held in a calendar of nobody's until a person assigns or moves it.
"""

from __future__ import annotations

from bookings.models import CalendarKind, Notary

NAME = "To be assigned"
_ADDRESS = "waiting-{number}@v1.invalid"
_ENDING = "@v1.invalid"
_HOME_ZIP = "77591"


def waiting_place_ids() -> list[int]:
    """Give the waiting places there are, in the order they are to be tried."""
    return list(
        Notary.objects.filter(email__endswith=_ENDING).order_by("pk").values_list("pk", flat=True)
    )


def add_waiting_place() -> int:
    """Make one more; never on offer to customers, and told nothing."""
    number = Notary.objects.filter(email__endswith=_ENDING).count() + 1
    place, _ = Notary.objects.get_or_create(
        email=_ADDRESS.format(number=number),
        defaults={
            "name": NAME,
            "home_zip": _HOME_ZIP,
            "is_active": False,
            "calendar_kind": CalendarKind.NONE,
        },
    )
    return place.pk


def is_waiting_place(notary: Notary) -> bool:
    """Tell whether this is nobody's calendar."""
    return notary.email.endswith(_ENDING)
