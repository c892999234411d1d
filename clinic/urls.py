from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from clinic.health import show_health

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("healthz", show_health),
    path("api/v1/", include("scheduling.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("scheduling.patient.urls")),
]
