"""A test's way through the staff door, without typing a password and a code each time."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.test import Client


def open_desk(client: Client, user: AbstractBaseUser) -> None:
    """Leave the client's session as a real sign-in of this staff member leaves it."""
    client.force_login(user)  # type: ignore[arg-type]  # any user model of the project
