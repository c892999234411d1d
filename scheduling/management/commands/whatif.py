"""Ask how many courses would fit with more resources or fewer days. Writes nothing."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clinic.models import Site
from scheduling.management.commands.import_referrals import find_site
from scheduling.planning import FURTHEST
from scheduling.whatif.answer import answer_question
from scheduling.whatif.options import read_added, read_closed, read_date, read_referrals
from scheduling.whatif.question import Question, Unanswerable
from scheduling.whatif.report import draw_answer, write_answer


class Command(BaseCommand):
    help = "How many courses would fit by when, with more resources or fewer days (docs/capacity.md). Writes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="Code of the site.")
        parser.add_argument(
            "--add", action="append", default=[], metavar="KIND[+SKILL]:N", help="More resources, such as tms_device:1."
        )
        parser.add_argument(
            "--close", action="append", default=[], metavar="DAYS", help="Such as 2027-01-04..2027-01-08, or one day."
        )
        parser.add_argument(
            "--referrals", action="append", default=[], metavar="NxPROTOCOL", help="Such as 20xspravato-trd."
        )
        parser.add_argument("--start", metavar="DATE", help="First day on which a course may start (today).")
        parser.add_argument("--weeks", type=int, default=12, help="Courses may start within so many weeks (12).")
        parser.add_argument("--time-limit", type=float, default=60.0, help="Seconds to plan for at most (60).")
        parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            question = ask(options, now=now)
            deadline = time.monotonic() + options["time_limit"]
            answer = answer_question(question, now=now, out_of_time=lambda: time.monotonic() > deadline)
        except (ValueError, Unanswerable) as fault:
            raise CommandError(str(fault), returncode=2) from None
        if options["json"]:
            self.stdout.write(json.dumps(write_answer(answer), indent=2))
        else:
            self.stdout.write("\n".join(draw_answer(answer)))


def ask(options: dict[str, Any], *, now: datetime) -> Question:
    """The question of the command line; a ValueError says what is wrong with it."""
    try:
        site = find_site(options["site"])
    except CommandError as fault:
        raise ValueError(str(fault)) from None
    if not 1 <= options["weeks"] <= 52:
        raise ValueError(f"--weeks takes a number from 1 to 52, not {options['weeks']}.")
    if not 0 < options["time_limit"] <= 86_400:
        raise ValueError(f"--time-limit takes a number of seconds above 0, not {options['time_limit']:g}.")
    question = Question(
        site=site,
        start_on=read_start(options["start"], site, now),
        weeks=options["weeks"],
        added=read_added(options["add"]),
        closed=read_closed(options["close"]),
        referrals=read_referrals(options["referrals"]),
    )
    if not (question.added or question.closed or question.referrals):
        raise ValueError("Say what to try: --add, --close or --referrals.")
    return question


def read_start(text: str | None, site: Site, now: datetime) -> date:
    today = now.astimezone(site.zone).date()
    if text is None:
        return today
    try:
        start_on = read_date(text)
    except ValueError as fault:
        raise ValueError(f"--start: {fault}") from None
    if start_on < today:
        raise ValueError(f"--start {text} lies in the past.")
    if start_on - today > FURTHEST:
        raise ValueError(f"--start {text} is more than two years away.")
    return start_on
