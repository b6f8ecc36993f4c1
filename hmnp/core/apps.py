from django.apps import AppConfig

from hmnp.core import courier, health, limits
from hmnp.core.logs import configure_structlog


class CoreConfig(AppConfig):
    name = "hmnp.core"
    label = "core"
    verbose_name = "Infrastructure"

    def ready(self) -> None:
        """Give every log line one form, and watch over what every app stands on."""
        configure_structlog()
        health.register_core()
        limits.register_check()
        courier.start_in_workers()
