from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from scheduling.api.problems import not_found
from scheduling.api.views.courses import CourseViewSet
from scheduling.api.views.protocols import ProtocolViewSet
from scheduling.api.views.records import PatientViewSet, ResourceViewSet, SiteViewSet
from scheduling.api.views.sessions import OpeningViewSet, SessionViewSet

router = SimpleRouter(use_regex_path=False)
router.register("sites", SiteViewSet, "site")
router.register("resources", ResourceViewSet, "resource")
router.register("patients", PatientViewSet, "patient")
router.register("protocols", ProtocolViewSet, "protocol")
router.register("courses", CourseViewSet, "course")
router.register("sessions", SessionViewSet, "session")
router.register("openings", OpeningViewSet, "opening")

app_name = "api"
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="schema"),
    *router.urls,
    re_path("", not_found),
]
