from clinic.models.access import ApiKey, ApiKeySite, Role, Scope, StaffSite, User
from clinic.models.consent import Consent, ConsentSource, Purpose
from clinic.models.patient import BY_EMAIL, Channel, Language, Patient, PatientAbsence, ReminderChannel
from clinic.models.resource import Outage, Resource, ResourceHours, ResourceKind
from clinic.models.site import Closure, ExtraOpening, PatientMoves, Site, SiteHours

__all__ = [
    "BY_EMAIL",
    "ApiKey",
    "ApiKeySite",
    "Channel",
    "Closure",
    "Consent",
    "ConsentSource",
    "ExtraOpening",
    "Language",
    "Outage",
    "Patient",
    "PatientAbsence",
    "PatientMoves",
    "Purpose",
    "ReminderChannel",
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
