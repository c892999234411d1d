"""Make a key for another system and print it, once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clinic.api_keys import create_key
from clinic.models import Scope, Site


class Command(BaseCommand):
    help = "Makes a key for another system and prints it once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="whose key it is, such as 'Referral portal'")
        parser.add_argument("--site", required=True, action="append", metavar="CODE", help="may be given several times")
        parser.add_argument(
            "--scope", required=True, action="append", help=f"may be given several times: {', '.join(Scope.values)}"
        )
        parser.add_argument("--expires-days", type=int, help="without it the key is good until it is revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        now, days = timezone.now(), options["expires_days"]
        key, text = create_key(
            name=read_name(options["name"]),
            sites=read_sites(options["site"]),
            scopes=read_scopes(options["scope"]),
            now=now,
            expires_at=None if days is None else now + read_days(days),
        )
        self.stderr.write(f"Key of {key.name}, shown this once: keep it where only that system can read it.")
        self.stdout.write(text)


def read_name(name: str) -> str:
    if not name.strip() or len(name) > 80:
        raise CommandError("--name: give a name of 1 to 80 characters.")
    return name.strip()


def read_sites(codes: list[str]) -> list[Site]:
    found = {site.code: site for site in Site.objects.filter(code__in=codes)}
    if unknown := [code for code in codes if code not in found]:
        known = ", ".join(Site.objects.values_list("code", flat=True)) or "none yet"
        raise CommandError(f"--site: there is no site {unknown[0]!r}; the sites are: {known}.")
    return list(found.values())


def read_scopes(scopes: list[str]) -> list[str]:
    if unknown := [scope for scope in scopes if scope not in Scope.values]:
        raise CommandError(f"--scope: {unknown[0]!r} is not a scope; the scopes are: {', '.join(Scope.values)}.")
    return scopes


def read_days(days: int) -> timedelta:
    if not 1 <= days <= 3650:
        raise CommandError("--expires-days: give a number of days from 1 to 3650.")
    return timedelta(days=days)
