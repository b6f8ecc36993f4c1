"""`manage.py sweep`: do everything that is due, here and now, without Celery or Redis."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from bookings.actions.expire_holds import expire_holds
from integrations import delivery, due_jobs, inbox, processing, reminders
from payments.actions.sweep_payments import sweep_payments


class Command(BaseCommand):
    help = "Expire holds, settle payments, send refunds and reminders, run jobs that are due."

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep once, floor by floor, and say how much was done."""
        self.stdout.write(f"holds expired:    {expire_holds()}")
        swept = sweep_payments(now=timezone.now())
        self.stdout.write(f"claims closed:    {swept.done['claims']}")
        self.stdout.write(f"payments settled: {swept.done['payments']}")
        self.stdout.write(f"late resolved:    {swept.done['late']}")
        self.stdout.write(f"refunds sent:     {swept.done['refunds']}")
        events = inbox.due()
        for inbox_id in events:
            processing.process(inbox_id=inbox_id)
        self.stdout.write(f"events processed: {len(events)}")
        self.stdout.write(f"reminders due:    {reminders.write_due(now=timezone.now())}")
        jobs = due_jobs.due()
        for job_id in jobs:
            delivery.attempt(job_id=job_id)
        self.stdout.write(f"jobs attempted:   {len(jobs)}")
        for row_id in swept.failed:
            self.stderr.write(f"put off:          {row_id}")
