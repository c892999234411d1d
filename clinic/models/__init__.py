from clinic.models.access import ApiKey, ApiKeySite, Role, Scope, StaffSite, User
from clinic.models.patient import Channel, Language, Patient, PatientAbsence
from clinic.models.resource import Outage, Resource, ResourceHours, ResourceKind
from clinic.models.site import Closure, ExtraOpening, Site, SiteHours

__all__ = [
    "ApiKey",
    "ApiKeySite",
    "Channel",
    "Closure",
    "ExtraOpening",
    "Language",
    "Outage",
    "Patient",
    "PatientAbsence",
    "Resource",
    "ResourceHours",
    "ResourceKind",
    "Role",
    "Scope",
    "Site",
    "SiteHours",
    "StaffSite",
    "User",
]
