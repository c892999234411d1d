"""Load the demonstration clinic: invented patients, planned, booked and announced as real ones are."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clinic import localservices
from clinic.models import Site
from scheduling.demo.answers import play_answers
from scheduling.demo.clinic import (
    fill_past,
    find_demo_site,
    prepare_demo,
    read_demo_referrals,
    request_rest,
    settle_day,
)
from scheduling.demo.report import describe
from scheduling.management.progress import ProgressBar
from scheduling.models import Course, CourseStatus
from scheduling.tasks import extend_open_courses, publish, publish_planning


class Command(BaseCommand):
    help = "Load the demonstration clinic. Asked twice, it adds nothing twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="Only site, resources, accounts and protocols.")
        parser.add_argument("--fill", action="store_true", help="Only referrals and bookings; needs a worker.")
        parser.add_argument(
            "--demo", "--force", action="store_true", dest="demo", help="Load it into DATABASE_URL, if that is empty."
        )
        parser.add_argument(
            "--patience", type=float, default=45, help="Seconds without a planned course until it gives up waiting."
        )

    def handle(self, *args: Any, prepare: bool, fill: bool, demo: bool, patience: float, **options: Any) -> None:
        both = prepare == fill
        if prepare or both:
            self.prepare(demo=demo)
        if fill or both:
            self.fill(patience=patience)

    def prepare(self, *, demo: bool) -> None:
        if not find_demo_site():
            self.refuse_real_data(demo=demo)
        site = prepare_demo(now=timezone.now())
        self.stdout.write(f"The demonstration clinic {site} is prepared.")

    def refuse_real_data(self, *, demo: bool) -> None:
        if Site.objects.exists():
            raise CommandError(
                "This database holds a clinic already: the demonstration is only loaded into an empty one."
            )
        if not demo and not localservices.uses_embedded_database():
            raise CommandError("DATABASE_URL is set: give --demo to load invented patients into that database.")

    def fill(self, *, patience: float) -> None:
        site = find_demo_site()
        if site is None:
            raise CommandError("There is no demonstration clinic here: run load_demo --prepare first.")
        now = timezone.now()
        settle_day(site, now=now)
        referrals = read_demo_referrals(site)
        fill_past(site, referrals, now=now, progress=ProgressBar(self.stdout, "Playing the past weeks"))
        waiting = request_rest(site, referrals, now=now)
        if waiting:
            publish(extend_open_courses)
            publish_planning(waiting)
            self.wait_for(waiting, patience=patience)
        play_answers(site, now=timezone.now())
        for line in describe(site, now=timezone.now()):
            self.stdout.write(line)

    def wait_for(self, course_ids: list[int], *, patience: float) -> None:
        """Until the worker has planned them all; it goes on without us where we lose patience."""
        show = ProgressBar(self.stdout, "Planning and booking courses")
        left, changed_at = len(course_ids), time.monotonic()
        while left:
            now_left = Course.objects.filter(pk__in=course_ids, status=CourseStatus.PLANNING).count()
            if now_left < left:
                left, changed_at = now_left, time.monotonic()
                show(len(course_ids) - left, len(course_ids))
            elif time.monotonic() - changed_at > patience:
                waiting = "1 course waits" if left == 1 else f"{left} courses wait"
                raise CommandError(
                    f"The worker does not answer: {waiting} to be planned. "
                    "That happens by itself once it runs (./cadence run)."
                )
            time.sleep(0.2)
