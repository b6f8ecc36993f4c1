"""An export of V1 as it might be: any number of bookings, with all the dirt that is known.

Made from a seed alone, so that two runs give the same bytes. The tests, the load and a rehearsal
of the cut-over use it; it names nobody who lives.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from hmnp.rollout.generated_words import (
    FIRST,
    FUTURE,
    FUTURE_SHARE,
    LAST,
    PAID,
    PAST,
    PLACES,
    PROMOS,
    SERVICES,
)

Row = dict[str, Any]


class Generator:
    """Rows of V1, one after the other; `dirt` counts what was made wrong on purpose."""

    def __init__(self, *, bookings: int, seed: int, now: datetime) -> None:
        self._count, self._now = bookings, now
        self._random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._slot = 0
        self.dirt: Counter[str] = Counter()

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give each row with its table."""
        for service in SERVICES:
            yield "Service", self._service(*service)
        for promo in PROMOS:
            yield "PromoCode", self._promo(*promo)
        for number in range(4):
            yield "notary_profiles", self._notary(number)
        last: Row | None = None
        for number in range(self._count):
            booking = self._booking(number)
            if last is not None and self._chance(0.002):
                booking = self._second_click(last, booking)
            yield "Booking", booking
            for payment in self._payments(number, booking):
                yield "Payment", payment
            last = booking
        self.dirt["payment of no booking"] += 1
        yield "Payment", self._payment("pay_orphan", {"id": "gone"}, "25.00", "COMPLETED")
        yield "AuditLog", {"id": "a1", "action": "not taken over"}

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _service(self, v1_id: str, name: str, kind: str, minutes: int, price: str) -> Row:
        return {
            "id": v1_id,
            "name": name,
            "serviceType": kind,
            "durationMinutes": minutes,
            "basePrice": price,
            "isActive": True,
            "requiresDeposit": True,
            "depositAmount": "25.00",
            "externalCalendarId": "cal" + v1_id[:4],
        }

    def _promo(
        self, v1_id: str, code: str, kind: str, value: str, limit: int | None, used: int
    ) -> Row:
        return {
            "id": v1_id,
            "code": code,
            "discountType": kind,
            "discountValue": value,
            "usageLimit": limit,
            "usageCount": used,
            "isActive": True,
        }

    def _notary(self, number: int) -> Row:
        if number == 3:
            self.dirt["notary without a user"] += 1
        return {
            "id": f"np-{number}",
            "user_id": f"user-{number}",
            "name": f"Notary {LAST[number]}",
            "email": None if number == 3 else f"v1.notary{number}@example.com",
            "base_zip": PLACES[number][0],
            "daily_capacity": 8,
            "onboarding_status": "COMPLETED",
        }

    def _id(self, number: int) -> str:
        """Give the three kinds of ids V1's routes made."""
        kind = number % 3
        if kind == 0:
            return f"cm{number:06d}{self._random.randrange(36**6):x}"
        if kind == 1:
            return f"bk_{1_690_000_000_000 + number}_{self._random.randrange(36**5):x}"
        text = f"{self._random.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def _booking(self, number: int) -> Row:
        pick = self._random
        is_future = self._chance(FUTURE_SHARE)
        service = pick.choice(SERVICES[:4] if is_future else SERVICES)
        starts_at = self._start(is_future)
        status = self._weighted(FUTURE if is_future else PAST)
        if status == "SUPERSEDED":
            self.dirt["status of nobody's"] += 1
        zip_code, city = pick.choice(PLACES)
        price = float(service[4])
        created = min(starts_at - timedelta(days=pick.randint(1, 20)), self._now)
        is_ron = service[2].startswith("RON")
        row: Row = {
            "id": self._id(number),
            "serviceId": service[0],
            "scheduledDateTime": self._written(starts_at),
            "status": status,
            "locationType": "REMOTE_ONLINE_NOTARIZATION" if is_ron else "CLIENT_SPECIFIED_ADDRESS",
            "priceAtBooking": f"{price:.2f}",
            "depositAmount": "25.00",
            "depositStatus": "COMPLETED" if status in PAID else "PENDING",
            "customerName": f"{pick.choice(FIRST)} {pick.choice(LAST)}",
            "customerEmail": self._email(pick.randrange(max(self._count // 3, 1))),
            "notes": self._notes(number),
            "ghlContactId": self._contact(number),
            "leadSource": pick.choice(("Website", "Phone_Call", None)),
            "notaryId": f"user-{pick.randrange(4)}" if self._chance(0.3) else None,
            "createdAt": _iso(created),
            "updatedAt": _iso(min(max(created, starts_at), self._now)),
        }
        self._place(row, zip_code, city, is_ron=is_ron)
        self._spoil(row, number)
        return row

    def _start(self, is_future: bool) -> datetime:
        """Give a grid time; those to come are spread so that most, not all, can be done."""
        if is_future:
            self._slot += 1
            days = 1 + self._slot % 80
            hour = 14 + (self._slot * 7) % 9
            day = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
            return day + timedelta(days=days, hours=hour)
        minutes = self._random.randrange(2, 3 * 365 * 48) * 30
        at = self._now - timedelta(minutes=minutes)
        return at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)

    def _written(self, starts_at: datetime) -> str | None:
        """Write a time as V1 did: in UTC, or with the summer's offset the whole year."""
        if self._chance(0.003):
            self.dirt["no date"] += 1
            return self._random.choice((None, "1970-01-01T00:00:00.000Z", "Invalid Date"))
        if self._chance(0.05):
            self.dirt["fixed -05:00"] += 1
            return f"{starts_at - timedelta(hours=5):%Y-%m-%dT%H:%M:%S}-05:00"
        return _iso(starts_at)

    def _weighted(self, table: tuple[tuple[str, int], ...]) -> str:
        return self._random.choices([name for name, _ in table], [n for _, n in table])[0]

    def _email(self, number: int) -> str | None:
        """Give an address; some customers are there in several spellings, some without one."""
        address = f"customer{number}@example.com"
        if self._chance(0.03):
            self.dirt["customer in another spelling"] += 1
            return self._random.choice((address.upper(), f" {address} ", address.title()))
        if self._chance(0.002):
            self.dirt["no e-mail"] += 1
            return self._random.choice((None, "n/a", "none@"))
        return address

    def _notes(self, number: int) -> str | None:
        if self._chance(0.5):
            return None
        return f"Gate code {number % 9999}\nutm_source=google&utm_medium=cpc\nPhone: 713-555-0123"

    def _contact(self, number: int) -> str | None:
        if self._chance(0.4):
            self.dirt["mock contact"] += 1
            return f"mock_contact_{number}"
        return f"ghl{number:08d}" if self._chance(0.8) else None

    def _place(self, row: Row, zip_code: str, city: str, *, is_ron: bool) -> None:
        if is_ron:
            return
        if self._chance(0.2):
            self.dirt["address in one field"] += 1
            row["addressStreet"] = f"{len(city)}00 Main St, {city}, TX {zip_code}"
            return
        row |= {
            "addressStreet": f"{len(city)}00 Main St",
            "addressCity": city,
            "addressState": "TX",
            "addressZip": zip_code,
        }

    def _spoil(self, row: Row, number: int) -> None:
        if self._chance(0.01):
            self.dirt["no price"] += 1
            row["priceAtBooking"] = None
        if self._chance(0.002):
            self.dirt["unknown service"] += 1
            row["serviceId"] = "deleted-service"
        if self._chance(0.05):
            row |= {"promoCodeId": "promo-first", "promoCodeDiscount": "10.00"}
        if self._chance(0.02):
            row["googleCalendarEventId"] = f"gcal{number}"
        if row["status"] == "COMPLETED" and self._chance(0.05):
            self.dirt["paid on site, no payment row"] += 1
            row["totalPaid"] = "75.00"
            row["paymentMethod"] = "PAY_ON_SITE"

    def _second_click(self, first: Row, spare: Row) -> Row:
        self.dirt["second click"] += 1
        again = {**first, "id": spare["id"], "status": "PAYMENT_PENDING"}
        for name in ("totalPaid", "depositStatus"):
            again.pop(name, None)
        return again

    def _payments(self, number: int, booking: Row) -> Iterator[Row]:
        pick = self._random
        if booking["status"] in PAID and booking.get("depositStatus") and self._chance(0.9):
            yield self._payment(f"pay_{number}", booking, "25.00", "COMPLETED")
            if booking["status"] == "COMPLETED" and self._chance(0.6):
                rest = self._payment(f"pay_{number}_b", booking, "50.00", "COMPLETED")
                yield {**rest, "provider": "CASH", "paymentIntentId": None}
        elif booking["status"].startswith("CANCEL") and self._chance(0.4):
            given = self._payment(f"pay_{number}", booking, "25.00", "REFUNDED")
            if pick.random() < 0.5:
                given |= {"status": "PARTIALLY_REFUNDED", "refundedAmount": 10.0}
            yield given
        elif self._chance(0.2):
            wrong = pick.choice(("PENDING", "FAILED", "VOIDED", "NOT_REQUIRED", "LOST"))
            self.dirt[f"payment {wrong}"] += 1
            yield self._payment(f"pay_{number}", booking, "25.00", wrong)
        if self._chance(0.001):
            self.dirt["payment of nothing"] += 1
            yield self._payment(f"pay_{number}_z", booking, "0", "COMPLETED")

    def _payment(self, v1_id: str, booking: Row, amount: str, status: str) -> Row:
        name = f"pi_{v1_id}"
        if self._chance(0.5):
            self.dirt["session as intent"] += 1
            name = f"cs_live_{v1_id}"
        return {
            "id": v1_id,
            "bookingId": booking["id"],
            "amount": amount,
            "status": status,
            "provider": "STRIPE",
            "paymentIntentId": name,
            "transactionId": f"tx_{v1_id}",
            "paidAt": booking.get("createdAt"),
            "createdAt": booking.get("createdAt"),
        }


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def write_export(*, file: IO[str], bookings: int, seed: int, now: datetime) -> Counter[str]:
    """Write an export of so many bookings as JSON lines; give what was made wrong, counted."""
    generator = Generator(bookings=bookings, seed=seed, now=now)
    for table, row in generator.rows():
        file.write(json.dumps({"table": table, "row": row}) + "\n")
    return generator.dirt
