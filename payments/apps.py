from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        """React to what bookings states, and post to the books what this app states."""
        from payments import handlers, posting  # noqa: PLC0415 -- models are not loaded before

        handlers.subscribe_all()
        posting.subscribe_all()
