"""The V2 API: one router, its schema, its documentation."""

from csp.decorators import csp_update
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

from bookings.api.availability import AvailabilityViewSet, list_free_times
from bookings.api.bookings import BookingViewSet
from bookings.api.documents import DocumentViewSet
from hmnp.accounts.public_reads import PublicRead, answer_early
from integrations.api.webhooks import WebhookViewSet
from payments.api.payments import PaymentViewSet
from services.api.viewsets import ServiceViewSet, list_services, price_by_zip

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

# What anyone may read, and reads alike: answered before the middlewares that are there for people.
answer_early(
    {
        "/api/v2/services": PublicRead(list_services),
        "/api/v2/services/pricing": PublicRead(price_by_zip, ServiceViewSet.limits["pricing"]),
        "/api/v2/availability": PublicRead(list_free_times, AvailabilityViewSet.limits["list"]),
    }
)

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
