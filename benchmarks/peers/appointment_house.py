"""Run by django-appointment's own Python: a service, one person who does it, customers signed in.

    python -m benchmarks.peers.appointment_house 8

Prints JSON.
"""

import json
import os
import sys
from datetime import time, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.appointment_settings")
django.setup()

from appointment.models import Service, StaffMember, WorkingHours  # noqa: E402 -- set up first
from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client  # noqa: E402


def main(*, customers: int) -> None:
    """Make the house and say who works in it."""
    user = get_user_model().objects.create(username="notary", email="notary@example.com")
    service = Service.objects.create(name="Session", duration=timedelta(minutes=30), price=35)
    staff = StaffMember.objects.create(user=user, slot_duration=30, work_on_saturday=True)
    staff.services_offered.add(service)
    for weekday in range(7):
        WorkingHours.objects.create(
            staff_member=staff, day_of_week=weekday, start_time=time(0, 0), end_time=time(23, 30)
        )
    sessions = []
    for number in range(customers):
        customer = get_user_model().objects.create(
            username=f"customer{number}", email=f"customer{number}@example.com"
        )
        browser = Client()
        browser.force_login(customer)
        sessions.append(browser.cookies["sessionid"].value)
    print(json.dumps({"staff": staff.pk, "service": service.pk, "sessions": sessions}))


main(customers=int(sys.argv[1]))
