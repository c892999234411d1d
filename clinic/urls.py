from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from clinic.health import show_health

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("healthz", show_health),
    path("admin/", admin.site.urls),
]
