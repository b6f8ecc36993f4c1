"""The V2 API: one router, its schema, its documentation."""

from csp.decorators import csp_update
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

from bookings.api.availability import AvailabilityViewSet
from bookings.api.bookings import BookingViewSet
from bookings.api.documents import DocumentViewSet
from integrations.api.webhooks import WebhookViewSet
from payments.api.payments import PaymentViewSet
from services.api.viewsets import ServiceViewSet

router = DefaultRouter(trailing_slash=False)
router.include_root_view = False
router.include_format_suffixes = False
router.register("services", ServiceViewSet, basename="services")
router.register("availability", AvailabilityViewSet, basename="availability")
router.register("bookings", BookingViewSet, basename="bookings")
router.register(
    r"bookings/(?P<booking_id>[^/.]+)/documents", DocumentViewSet, basename="booking-documents"
)
router.register("payments", PaymentViewSet, basename="payments")
router.register("webhooks", WebhookViewSet, basename="webhooks")

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    # Swagger UI styles itself inline; its script comes as a file of its own.
    path(
        "docs",
        csp_update({"style-src": ["'unsafe-inline'"]})(
            SpectacularSwaggerSplitView.as_view(url_name="schema")
        ),
        name="docs",
    ),
    path("", include(router.urls)),
]
