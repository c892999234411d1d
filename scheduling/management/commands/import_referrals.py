"""Import a referral list, and hand its courses to the worker to be planned and booked."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clinic.models import Site
from scheduling.management.progress import ProgressBar
from scheduling.referral_file import FileFault, ReferralList, read_referrals
from scheduling.referrals import ImportReport, import_referrals, list_protocol_codes
from scheduling.tasks import publish_planning


class Command(BaseCommand):
    help = "Import a referral list (CSV; docs/referrals.md documents its columns) and have its courses planned."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--site", required=True, help="Code of the site that treats.")
        parser.add_argument("--all-or-nothing", action="store_true", help="Import nothing where a row is bad.")
        parser.add_argument("--dry-run", action="store_true", help="Check every row, write nothing.")
        parser.add_argument(
            "--plan", action=BooleanOptionalAction, default=True, help="Hand the courses to the worker now (default)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        site = find_site(options["site"])
        listed = read_file(options["file"], site=site, now=now)
        report = import_referrals(
            listed.referrals,
            site=site,
            now=now,
            faults=listed.faults,
            all_or_nothing=options["all_or_nothing"],
            dry_run=options["dry_run"],
            progress=ProgressBar(self.stderr, "Importing referrals") if listed.referrals else None,
        )
        if options["plan"] and not options["dry_run"]:
            publish_planning(report.added)
        self.report(report, dry_run=options["dry_run"])

    def report(self, report: ImportReport, *, dry_run: bool) -> None:
        for fault in report.faults:
            self.stderr.write(f"{fault}\n")
        verb = "would be imported" if dry_run else "imported"
        self.stdout.write(f"{len(report.added)} {verb}, {len(report.known)} known already.")
        if report.faults:
            rows = len({fault.line for fault in report.faults})
            raise CommandError(f"{rows} {'row was' if rows == 1 else 'rows were'} refused.")


def find_site(code: str) -> Site:
    site = Site.objects.filter(code=code, active=True).first()
    if site is None:
        codes = ", ".join(Site.objects.filter(active=True).values_list("code", flat=True)) or "none yet"
        raise CommandError(f"There is no site with that code. Sites: {codes}.")
    return site


def read_file(path: Path, *, site: Site, now: Any) -> ReferralList:
    try:
        today = now.astimezone(site.zone).date()
        return read_referrals(path.read_bytes(), today=today, protocols=list_protocol_codes(site))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except FileFault as fault:
        raise CommandError(f"{path}: {fault}") from None
