from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "hmnp.core"
    label = "core"
    verbose_name = "Infrastructure"
