"""The cast: notaries near Houston, and what a customer asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from factory.declarations import Sequence
from factory.django import DjangoModelFactory
from factory.helpers import post_generation

from bookings.actions.create_booking import create_booking
from bookings.actions.hold_slot import Held, HoldRequest, hold_slot
from bookings.holders import Holder
from bookings.models import Booking, Notary, NotaryHours
from bookings.quoting import Wanted
from bookings.requests import BookingRequest, CustomerDetails
from hmnp.core.context import Actor, ActorType
from services.catalogue import require_service
from services.models import Service

CUSTOMER = Actor(type=ActorType.CUSTOMER, ip="203.0.113.7", user_agent="pytest")
STAFF = Actor(type=ActorType.ADMIN, id="1", ip="203.0.113.8")
HOLDER = Holder(key="address:203.0.113.7", cap=None)

# A Monday morning in Houston, before opening: 2027-03-01 08:00 CST.
NOW = datetime(2027, 3, 1, 14, 0, tzinfo=UTC)
# The Tuesday after, 10:00 CST.
TUESDAY_10 = datetime(2027, 3, 2, 16, 0, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)

MOBILE_SKILLS = ("standard-notary", "extended-hours", "loan-signing")


class NotaryFactory(DjangoModelFactory[Notary]):
    """A notary at the centre of the area who works daily from seven to nine in the evening."""

    class Meta:
        model = Notary
        skip_postgeneration_save = True

    name = Sequence(lambda n: f"Notary {n}")
    email = Sequence(lambda n: f"notary{n}@example.com")
    home_zip = "77591"

    @post_generation
    def skills(self, create: bool, extracted: Iterable[str] | None, **kwargs: Any) -> None:
        """Give the notary the skills named by slug; all mobile ones by default."""
        slugs = MOBILE_SKILLS if extracted is None else extracted
        self.skills.set(Service.objects.filter(slug__in=list(slugs)))

    @post_generation
    def hours(self, create: bool, extracted: tuple[int, int] | None, **kwargs: Any) -> None:
        """Give the same hours every day, in minutes."""
        opens, closes = extracted or (420, 1260)
        NotaryHours.objects.bulk_create(
            NotaryHours(
                notary=self,  # type: ignore[misc]  # self is the notary here
                weekday=weekday,
                opens_minute=opens,
                closes_minute=closes,
            )
            for weekday in range(1, 8)
        )


def a_notary(**kwargs: Any) -> Notary:
    """Make a notary; see the factory for what may be named."""
    made: Notary = NotaryFactory.create(**kwargs)
    return made


def wanted(
    *,
    slug: str = "standard-notary",
    starts_at: datetime = TUESDAY_10,
    zip_code: str | None = "77573",
    signers: int = 1,
    documents: int = 1,
    promo_code: str | None = None,
) -> Wanted:
    """Give what a customer in League City asks for."""
    return Wanted(
        service=require_service(id_or_slug=slug),
        starts_at=starts_at,
        zip_code=zip_code,
        signers=signers,
        documents=documents,
        promo_code=promo_code,
    )


def hold(*, now: datetime = NOW, holder: Holder = HOLDER, **kwargs: Any) -> Held:
    """Hold a slot."""
    return hold_slot(request=HoldRequest(wanted=wanted(**kwargs)), holder=holder, now=now)


def customer(**kwargs: Any) -> CustomerDetails:
    """Give a customer with an address in League City."""
    return CustomerDetails(
        **{
            "name": "Ada Customer",
            "email": "ada@example.com",
            "phone": "+17135550123",
            "street": "1 Main St",
            "city": "League City",
            "state": "TX",
            **kwargs,
        }
    )


def book(
    *,
    now: datetime = NOW,
    actor: Actor = CUSTOMER,
    who: CustomerDetails | None = None,
    **kwargs: Any,
) -> Booking:
    """Book without a hold."""
    request = {
        name: kwargs.pop(name)
        for name in ("token", "quote_token", "expected_cents", "partner")
        if name in kwargs
    }
    return create_booking(
        request=BookingRequest(wanted=wanted(**kwargs), customer=who or customer(), **request),
        holder=HOLDER,
        actor=actor,
        now=now,
    )
