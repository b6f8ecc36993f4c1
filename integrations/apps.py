"""The app's start: facts are subscribed to, checks and figures are registered."""

from importlib import import_module

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    label = "integrations"
    verbose_name = "Outside systems"

    def ready(self) -> None:
        """Connect what needs the models, which exist only now."""
        import_module("integrations.handlers").connect()
        import_module("integrations.mail.tracking").connect()
        import_module("integrations.health").register()
        import_module("integrations.metrics").register()
