"""Its addresses, as its own documentation includes them."""

from django.urls import include, path

urlpatterns = [path("appointment/", include("appointment.urls"))]
