"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from hmnp.api import urlpatterns as api_urls

urlpatterns = [
    path("api/v2/", include(api_urls)),
    path("", include("hmnp.core.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "hmnp.core.error_views.bad_request"
handler403 = "hmnp.core.error_views.forbidden"
handler404 = "hmnp.core.error_views.not_found"
handler500 = "hmnp.core.error_views.server_error"
