from django.apps import AppConfig

from hmnp.core import health


class CoreConfig(AppConfig):
    name = "hmnp.core"
    label = "core"
    verbose_name = "Infrastructure"

    def ready(self) -> None:
        """Watch over what every app stands on."""
        health.register_core()
