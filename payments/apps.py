from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        """React to what bookings states."""
        from payments.handlers import subscribe_all  # noqa: PLC0415 -- models are not loaded before

        subscribe_all()
