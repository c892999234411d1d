"""Take the demonstration out again, before a clinic goes live."""

from __future__ import annotations

from collections.abc import Iterator

import pgtrigger
from django.apps import apps
from django.db import transaction
from django.db.models import ProtectedError

from clinic.models import ApiKey, Patient, Resource, Site, User
from protocols.models import Protocol, Track
from scheduling.demo.clinic import find_demo_site
from scheduling.demo.staff import ACCOUNTS, MAIL_DOMAIN, logins_path
from scheduling.models import Course


def remove_demo() -> bool:
    """Remove the demonstration's site with all that hangs on it, and its accounts; False where there is none.

    The audit trail stays, as it does for everything else.
    """
    with transaction.atomic():
        if site := find_demo_site():
            remove_site(site)
        remove_accounts()
        transaction.on_commit(lambda: logins_path().unlink(missing_ok=True))
    return site is not None


def remove_site(site: Site) -> None:
    Course.objects.filter(site=site).delete()
    # A course that began at another site stays with its patient, who then belongs to that site.
    for patient in Patient.objects.filter(home_site=site, courses__isnull=False).distinct():
        patient.home_site = patient.courses.order_by("pk")[0].site
        patient.save(update_fields=["home_site"])
    Patient.objects.filter(home_site=site).delete()
    with pgtrigger.ignore(*_freezing_triggers()):
        # First what points at visit types.
        Track.objects.filter(version__protocol__site=site).delete()
        Protocol.objects.filter(site=site).delete()
    Resource.objects.filter(site=site).delete()
    for key in ApiKey.objects.filter(sites=site):
        key.sites.remove(site)
        if not key.sites.exists():
            key.delete()
    site.delete()


def _freezing_triggers() -> Iterator[str]:
    """What keeps a published protocol as it is; the invented ones may go."""
    for model in apps.get_app_config("protocols").get_models():
        for trigger in getattr(model._meta, "triggers", []):
            if str(trigger.name).startswith("frozen"):
                yield f"{model._meta.label}:{trigger.name}"


def remove_accounts() -> None:
    """An account that decided something outside the demonstration is kept for its name, and locked."""
    for username, *_ in ACCOUNTS:
        for user in User.objects.filter(username=username, email=f"{username}@{MAIL_DOMAIN}"):
            try:
                with transaction.atomic():
                    user.delete()
            except ProtectedError:
                user.is_active = False
                user.save(update_fields=["is_active"])
