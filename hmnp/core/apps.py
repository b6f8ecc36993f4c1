from django.apps import AppConfig
from django.core.cache import close_caches
from django.core.signals import request_finished

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
        # Our caches keep their connections: asking each of them after every request does nothing.
        request_finished.disconnect(close_caches)
