from importlib import import_module

from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"
    verbose_name = "Bookings"

    def ready(self) -> None:
        """Tell who edits the catalogue what is booked of it."""
        own, below = import_module("bookings.catalogue_warnings"), "services.catalogue_warnings"
        import_module(below).warn_by(own.warn)
