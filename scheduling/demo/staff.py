"""The demonstration's accounts: one of each role, with passwords made up anew for each copy."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from clinic import localservices
from clinic.models import Role, Site, User

MAIL_DOMAIN = "riverside.example"
# username, given name, family name, role, as the list of logins calls it
ACCOUNTS = (
    ("frontdesk", "Fran", "Desk", Role.FRONT_DESK, "Front desk"),
    ("clinician", "Clara", "Kim", Role.CLINICIAN, "Clinician"),
    ("siteadmin", "Sam", "Admin", Role.SITE_ADMIN, "Site administrator"),
    ("administrator", "Ada", "Min", Role.SITE_ADMIN, "Administrator"),
)
ORGANISATION_ADMINISTRATOR = "administrator"


def logins_path() -> Path:
    return localservices.find_place().state / "demo-logins.json"


def make_staff(site: Site) -> None:
    """Leave accounts and passwords alone where both are there already."""
    path = logins_path()
    made = set(
        User.objects.filter(username__in=[account[0] for account in ACCOUNTS]).values_list("username", flat=True)
    )
    if path.exists() and len(made) == len(ACCOUNTS):
        return
    logins = []
    for username, given_name, family_name, role, title in ACCOUNTS:
        password = secrets.token_urlsafe(12)
        user, _ = User.objects.get_or_create(
            username=username,
            defaults={
                "first_name": given_name,
                "last_name": family_name,
                "email": f"{username}@{MAIL_DOMAIN}",
                "role": role,
                "is_staff": True,
                "is_superuser": username == ORGANISATION_ADMINISTRATOR,
            },
        )
        user.set_password(password)
        user.save(update_fields=["password"])
        user.sites.add(site)
        logins.append({"role": title, "username": username, "password": password})
    write_logins(path, logins)


def write_logins(path: Path, logins: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(logins, indent=2))


def find_account(username: str) -> User:
    return User.objects.get(username=username, email=f"{username}@{MAIL_DOMAIN}")
