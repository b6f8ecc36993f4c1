"""`manage.py outbox`: how the outside jobs stand; try dead ones again, pause, resume."""

from __future__ import annotations

import getpass
import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from integrations import destinations, outbox, standing
from integrations.models import OutboxJob
from integrations.states import Destination, JobState

_POLL_SECONDS = 0.5
_MOST_SHOWN = 20
_COLUMNS = ("due", "overdue", "waiting", "running", "dead", "done")


class Command(BaseCommand):
    help = "Show the outbox by destination; exit with 1 when a job is dead or overdue."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, and how long to let the queues drain first."""
        names = [destination.value for destination in Destination]
        parser.add_argument(
            "--wait",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="let workers finish first, at most this long",
        )
        deeds = parser.add_subparsers(dest="deed")
        replay = deeds.add_parser("replay", help="try dead jobs again")
        replay.add_argument("job", nargs="*", type=UUID, help="their ids; none: all dead jobs")
        replay.add_argument("--destination", choices=names, help="only those that go there")
        pause = deeds.add_parser("pause", help="let nothing go to a destination")
        pause.add_argument("destination", choices=names)
        pause.add_argument("--reason", default="by hand", help="what to tell the others")
        resume = deeds.add_parser("resume", help="let jobs go there again")
        resume.add_argument("destination", choices=names)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked, wait, show."""
        match options["deed"]:
            case "replay":
                self._replay(options["job"], options["destination"])
            case "pause":
                paused = destinations.pause(
                    destination=Destination(options["destination"]),
                    by=getpass.getuser(),
                    reason=options["reason"],
                )
                self.stdout.write("paused" if paused else "it was paused already")
            case "resume":
                resumed = destinations.resume(destination=Destination(options["destination"]))
                self.stdout.write("resumed" if resumed else "it was not paused")
            case _:
                self._show(wait=options["wait"])

    def _replay(self, job_ids: list[UUID], destination: str | None) -> None:
        dead = OutboxJob.objects.filter(state=JobState.DEAD.value)
        if job_ids:
            dead = dead.filter(pk__in=job_ids)
        if destination:
            dead = dead.filter(destination=destination)
        found = list(dead.values_list("pk", flat=True))
        started = sum(outbox.replay(job_id=job_id) for job_id in found)
        self.stdout.write(f"{started} started again")
        if job_ids and started < len(job_ids):
            raise CommandError(f"{len(job_ids) - started} are not dead", returncode=1)

    def _show(self, *, wait: float) -> None:
        deadline = time.monotonic() + wait
        while True:
            queues = standing.queues()
            if all(queue.is_settled for queue in queues) or time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
        self.stdout.write(
            f"{'destination':<16}" + "".join(f"{name:>9}" for name in _COLUMNS) + "      lag"
        )
        for queue in queues:
            figures = "".join(f"{getattr(queue, name):>9}" for name in _COLUMNS)
            line = f"{queue.destination.value:<16}{figures}{_short(queue.lag):>9}  {queue.trouble}"
            self.stdout.write(line.rstrip())
        self._show_dead()
        dead, overdue = (sum(getattr(q, name) for q in queues) for name in ("dead", "overdue"))
        if dead or overdue:
            raise CommandError(f"{dead} dead, {overdue} overdue", returncode=1)

    def _show_dead(self) -> None:
        dead = OutboxJob.objects.filter(state=JobState.DEAD.value).select_related("booking")
        for job in dead.order_by("-finished_at")[:_MOST_SHOWN]:
            what = job.message_kind or f"sync v{job.version}"
            self.stdout.write(
                f"dead  {job.pk}  {job.booking.reference}  {job.destination} {what}  "
                f"{job.attempts} attempts: {job.last_error}"
            )


def _short(lag: timedelta) -> str:
    seconds = int(lag.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
