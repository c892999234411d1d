"""What each role may do. A role is the whole of an account's rights; a superuser may do everything."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from clinic.models import Role


def may(app: str, acts: str, *models: str) -> frozenset[str]:
    return frozenset(f"{app}.{act}_{model}" for act in acts.split() for model in models)


VIEW_RECORDS = may(
    "clinic",
    "view",
    *("site", "sitehours", "closure", "extraopening", "resource", "resourcehours", "outage", "resourcekind"),
    *("patient", "patientabsence", "consent"),
)
PROTOCOL_PARTS = (
    *("visittype", "stage", "need", "stagetask", "instruction"),
    *("track", "phase", "link", "gate", "decisionpoint", "source"),
)
VIEW_PROTOCOLS = may("protocols", "view", "protocol", "protocolversion", *PROTOCOL_PARTS)
VIEW_COURSES = may(
    "scheduling",
    "view",
    *("course", "coursedecision", "gaterecord", "session", "hold", "driver", "notice", "announcement"),
    *("answer", "calendarfeed"),
)

INTEGRATION = VIEW_RECORDS | VIEW_PROTOCOLS | VIEW_COURSES
FRONT_DESK = (
    INTEGRATION
    | may("clinic", "add change", "patient")
    | may("clinic", "add change delete", "patientabsence")
    | may("clinic", "add change", "consent")
    | may("scheduling", "add change", "course", "driver", "gaterecord", "calendarfeed")
    | may("scheduling", "change", "session", "notice", "answer")
    | may("scheduling", "view", "inbound", "changedcourse", "changedsession")
    | may("scheduling", "view add change", "change", "waitingentry", "waitingoffer")
)
CLINICIAN = (
    FRONT_DESK
    | may("protocols", "adopt publish change", "protocol")
    | may("protocols", "add change delete", "protocolversion", *PROTOCOL_PARTS)
    | frozenset({"scheduling.decide_course", "scheduling.override_rules", "scheduling.add_coursedecision"})
    | frozenset({"scheduling.view_decision_note"})
)
SITE_ADMIN = (
    FRONT_DESK
    | may("clinic", "change", "site")
    | may("clinic", "add change", "resource")
    | may("clinic", "add change delete", "sitehours", "closure", "extraopening", "resourcehours", "outage")
    | may("clinic", "view add change", "user")
    | may("clinic", "view change", "apikey")
)
ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.FRONT_DESK: FRONT_DESK,
    Role.CLINICIAN: CLINICIAN,
    Role.SITE_ADMIN: SITE_ADMIN,
    Role.INTEGRATION: INTEGRATION,
}


class RoleBackend(ModelBackend):
    """Reads rights from the role, with no query and nothing in the database that could drift from it."""

    def user_can_authenticate(self, user: Any) -> bool:
        """An integration's account never signs in: other systems come with keys."""
        return super().user_can_authenticate(user) and (user.is_superuser or user.role != Role.INTEGRATION)

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if user_obj.is_superuser:
            return super().get_group_permissions(user_obj)
        return set(ROLE_PERMISSIONS[user_obj.role])
