"""From the demonstration to a real clinic: its first site and its first administrator."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import QuerySet

from clinic.hours_text import Span
from clinic.models import Role, Site, SiteHours, User
from scheduling.demo.clinic import find_demo_site
from scheduling.demo.removal import remove_demo
from scheduling.demo.staff import ACCOUNTS, MAIL_DOMAIN


def real_sites() -> QuerySet[Site]:
    demo = find_demo_site()
    return Site.objects.exclude(pk=demo.pk) if demo else Site.objects.all()


def real_accounts() -> QuerySet[User]:
    """Without the demonstration's, which go with it."""
    return User.objects.exclude(username__in=[account[0] for account in ACCOUNTS], email__endswith=f"@{MAIL_DOMAIN}")


def real_administrators() -> QuerySet[User]:
    return real_accounts().filter(is_superuser=True, is_active=True).order_by("pk")


@transaction.atomic
def open_clinic(*, site: Site | None, hours: Iterable[Span], administrator: User | None, password: str) -> bool:
    """Write the first site and administrator, where given, in place of the demonstration.

    Whether there was a demonstration. All or nothing; a ValidationError names field and fault.
    """
    removed = remove_demo()
    if site is not None:
        site.full_clean()
        site.save()
        SiteHours.objects.bulk_create(
            SiteHours(site=site, weekday=weekday, opens_at=opens, closes_at=closes) for weekday, opens, closes in hours
        )
    if administrator is not None:
        make_administrator(administrator, password)
    return removed


def make_administrator(user: User, password: str) -> None:
    user.is_staff = user.is_superuser = True
    user.role = Role.SITE_ADMIN
    validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save()
