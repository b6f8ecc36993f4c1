"""Who could do a job and why the others cannot: what staff see before they choose a notary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bookings import schedules
from bookings.availability import job_at
from bookings.chain import Fit, Reason, fit
from bookings.models import Notary
from hmnp.core.times import local_date
from services.definitions import ServiceDefinition

NO_SKILL = "NO_SKILL"


@dataclass(frozen=True)
class Candidate:
    """A notary, and how the job fits into their days; without a fit, `reason` says why not."""

    notary_id: int
    name: str
    home_zip: str
    found: Fit | None
    reason: str = ""

    @property
    def drive_minutes(self) -> int:
        """The drive to the job; 0 when it does not fit."""
        return self.found.added_drive_minutes if self.found else 0


def candidates(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    zip_code: str | None,
    own_claim: UUID | None = None,
    is_any_hour: bool = False,
) -> list[Candidate]:
    """Give every active notary, who fits best first; three statements.

    `own_claim` does not stand in its own way. The claim itself judges again, under its lock.
    """
    loaded = schedules.load(
        service=service,
        first_day=local_date(starts_at, zone=service.timezone),
        without_claim=own_claim,
    )
    found: list[Candidate] = []
    for notary in Notary.objects.filter(is_active=True).order_by("name", "pk"):
        schedule = loaded.of(notary.pk)
        result: Fit | Reason | None = None
        if schedule is not None:
            if is_any_hour:
                schedule = schedules.at_any_hour(schedule)
            job = job_at(service=service, schedule=schedule, starts_at=starts_at, zip_code=zip_code)
            result = fit(schedule=schedule, job=job, zone=service.timezone)
        who = (notary.pk, notary.name, notary.home_zip)
        if isinstance(result, Fit):
            found.append(Candidate(*who, found=result))
        else:
            found.append(Candidate(*who, found=None, reason=result.value if result else NO_SKILL))
    found.sort(key=lambda one: (one.found is None, one.drive_minutes, one.name))
    return found
