"""Run by django-appointment's own Python: a service, and one person who does it. Prints JSON."""

import json
import os
from datetime import time, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.appointment_settings")
django.setup()

from appointment.models import Service, StaffMember, WorkingHours  # noqa: E402 -- set up first
from django.contrib.auth import get_user_model  # noqa: E402


def main() -> None:
    """Make the house and say who works in it."""
    user = get_user_model().objects.create(username="notary", email="notary@example.com")
    service = Service.objects.create(name="Session", duration=timedelta(minutes=30), price=35)
    staff = StaffMember.objects.create(user=user, slot_duration=30, work_on_saturday=True)
    staff.services_offered.add(service)
    for weekday in range(7):
        WorkingHours.objects.create(
            staff_member=staff, day_of_week=weekday, start_time=time(0, 0), end_time=time(23, 30)
        )
    print(json.dumps({"staff": staff.pk, "service": service.pk}))


main()
