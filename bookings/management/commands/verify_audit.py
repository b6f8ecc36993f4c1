"""`manage.py verify_audit`: tell whether any row of any timeline is not as it was written."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings import timeline_chain

_MOST_SHOWN = 50
_SAY_EVERY_SECONDS = 5.0
# A day is over for everybody who wrote at its end.
_SETTLED = timedelta(hours=1)


class Command(BaseCommand):
    help = (
        "Check the hash chain of every booking's timeline and name the first row of each that was "
        "altered, removed, swapped or inserted; exit with 1 when there is one. With --seal, print "
        "one hash a day, to be kept elsewhere; with --against, compare with what was kept."
    )
    # Rows that were tampered with must be seen also when the code's own checks complain.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which booking, or what to seal or compare."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--booking", metavar="REF", help="only this booking's timeline")
        which.add_argument(
            "--seal", action="store_true", help="print date, number of rows and hash of each day"
        )
        which.add_argument(
            "--against", type=Path, metavar="FILE", help="compare with lines printed by --seal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print what is wrong, exit by what was found."""
        kept = None if options["against"] is None else _read(options["against"])
        faults = self._check_chains(reference=options["booking"], is_quiet=options["seal"])
        if faults:
            raise CommandError(f"{faults} timelines are not as they were written", returncode=1)
        if options["seal"]:
            for day, (count, root) in timeline_chain.seals(before=_last_midnight()).items():
                self.stdout.write(f"{day} {count} {root}")
        if kept is not None:
            self._compare(kept)

    def _check_chains(self, *, reference: str | None, is_quiet: bool) -> int:
        bookings = rows = faults = 0
        said_at = time.monotonic()
        for timeline in timeline_chain.timelines(reference=reference):
            bookings += 1
            rows += len(timeline.rows)
            if finding := timeline_chain.first_fault(timeline=timeline):
                faults += 1
                if faults <= _MOST_SHOWN:
                    self.stderr.write(str(finding))
            if time.monotonic() - said_at >= _SAY_EVERY_SECONDS:
                said_at = time.monotonic()
                self.stderr.write(f"… {bookings} timelines, {rows} rows, {faults} faults so far")
        if reference is not None and not bookings:
            raise CommandError(f"there is no booking {reference}", returncode=2)
        if faults > _MOST_SHOWN:
            self.stderr.write(f"and {faults - _MOST_SHOWN} more timelines")
        if not is_quiet:
            self.stdout.write(f"Checked {rows} rows of {bookings} timelines: {faults} faults.")
        return faults

    def _compare(self, kept: dict[str, tuple[int, str]]) -> None:
        present = timeline_chain.seals(before=_last_midnight())
        differing = [day for day in sorted(kept) if present.get(day) != kept[day]]
        for day in differing:
            self.stderr.write(
                f"{day} was rewritten: sealed with {kept[day][0]} rows, "
                f"has {present[day][0] if day in present else 0}"
            )
        if differing:
            raise CommandError(f"{len(differing)} days are not as sealed", returncode=1)
        self.stdout.write(f"All {len(kept)} sealed days are as they were.")


def _last_midnight() -> datetime:
    settled = timezone.now().astimezone(UTC) - _SETTLED
    return settled.replace(hour=0, minute=0, second=0, microsecond=0)


def _read(path: Path) -> dict[str, tuple[int, str]]:
    """Read what `--seal` printed. Raises CommandError for anything else."""
    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        kept = {day: (int(count), root) for day, count, root in lines}
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is no list of seals: {error}", returncode=2) from error
    if not kept:
        raise CommandError(f"{path} has no seal in it", returncode=2)
    return kept
