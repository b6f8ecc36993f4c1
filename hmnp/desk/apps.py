from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "hmnp.desk"
    label = "desk"
    verbose_name = "Desk"

    def ready(self) -> None:
        """Write down what any floor states, and what every process counts."""
        from hmnp.desk.handlers import subscribe_all  # noqa: PLC0415 -- models load before
        from hmnp.desk.measuring import measure_all  # noqa: PLC0415 -- likewise

        subscribe_all()
        measure_all()
