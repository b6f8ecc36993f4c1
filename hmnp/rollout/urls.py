"""V1's addresses under /api/, and the bridge's own. They go with this folder."""

from django.urls import path

from hmnp.rollout.api.bookings import V1BookingViewSet as Bookings
from hmnp.rollout.api.catalogue import V1CatalogueViewSet as Catalogue
from hmnp.rollout.api.creation import V1CreationViewSet as Creation
from hmnp.rollout.api.reports import mirror, switches
from hmnp.rollout.api.roots import V1RootViewSet as Root

urlpatterns = [
    path("bookings", Root.as_view({"get": "list", "post": "full"})),
    path("bookings/create", Creation.as_view({"post": "short"})),
    path("bookings/sync", Creation.as_view({"post": "sync"})),
    path("bookings/cancel", Bookings.as_view({"post": "cancel_named"})),
    path("bookings/<str:v1_id>", Bookings.as_view({"get": "retrieve"})),
    path(
        "bookings/<str:v1_id>/status",
        Bookings.as_view({"get": "status", "patch": "set_status"}),
    ),
    path("bookings/<str:v1_id>/cancel", Bookings.as_view({"get": "preview", "post": "cancel"})),
    path("bookings/<str:v1_id>/reschedule", Bookings.as_view({"post": "reschedule"})),
    path("booking", Creation.as_view({"post": "latest"})),
    path("booking/create", Creation.as_view({"post": "latest"})),
    path("booking/<str:v1_id>", Bookings.as_view({"get": "retrieve"})),
    path("services", Catalogue.as_view({"get": "services"})),
    path("availability", Catalogue.as_view({"get": "availability"})),
    path("v1/mirror", mirror, name="v1-mirror"),
    path("v1/switches", switches, name="v1-switches"),
]
