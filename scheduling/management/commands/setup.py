"""Go live: the first site, its hours and the first administrator; the demonstration is removed."""

from __future__ import annotations

import getpass
import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clinic.hours_text import read_hours
from clinic.models import Site, User
from protocols.library import load_library
from protocols.models import Protocol
from scheduling.demo.clinic import find_demo_site
from scheduling.going_live import open_clinic, real_administrators, real_sites
from scheduling.setup_options import (
    Given,
    describe_administrator,
    describe_site,
    differing,
    find_faults,
    say_conflict,
)
from scheduling.setup_questions import (
    ADMINISTRATOR_QUESTIONS,
    SITE_QUESTIONS,
    Answers,
    Question,
    find_fault,
    make_site,
)

PASSWORD_VARIABLE = "CADENCE_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
T = TypeVar("T")


class Command(BaseCommand):
    help = "Sets up the first site and the first administrator, and removes the demonstration. Asks what is not given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for question in (*SITE_QUESTIONS, *ADMINISTRATOR_QUESTIONS):
            parser.add_argument(question.flag, help=question.prompt)
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="never ask")

    def handle(self, *args: Any, interactive: bool, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        known_site = nearest(real_sites(), lambda site: differing(SITE_QUESTIONS, options, describe_site(site)))
        known_administrator = nearest(
            real_administrators(),
            lambda user: differing(ADMINISTRATOR_QUESTIONS, options, describe_administrator(user)),
        )
        refuse_faults(known_site, known_administrator, options, interactive=interactive)
        questions = (*(() if known_site else SITE_QUESTIONS), *(() if known_administrator else ADMINISTRATOR_QUESTIONS))
        given = {question.option: options[question.option] for question in questions}
        answers = self.ask(questions, given, interactive=interactive)
        site = known_site or make_site(answers)
        administrator = known_administrator or User(username=answers["username"], email=answers["admin_email"])
        password = "" if known_administrator else self.ask_password(administrator, interactive=interactive)
        self.agree_to_removal(interactive=interactive)
        try:
            removed = open_clinic(
                site=None if known_site else site,
                hours=[] if known_site else read_hours(answers["hours"]),
                administrator=None if known_administrator else administrator,
                password=password,
            )
        except ValidationError as fault:
            raise CommandError(f"Nothing was set up: {' '.join(fault.messages)}") from None
        load_library(now=timezone.now())
        if removed:
            self.stdout.write("The demonstration is removed.")
        self.report(site, administrator, site_is_new=known_site is None, account_is_new=known_administrator is None)

    def ask(self, questions: tuple[Question, ...], given: dict[str, str | None], *, interactive: bool) -> Answers:
        answers: Answers = {}
        for question in questions:
            text = given[question.option]
            if text is None and question.default is not None and not interactive:
                text = question.default(answers)
            if text is not None and (fault := find_fault(question, text, answers)):
                raise CommandError(f"{question.flag}: {fault}")
            answers[question.option] = self.prompt(question, answers) if text is None else text.strip()
        return answers

    def prompt(self, question: Question, answers: Answers) -> str:
        default = question.default(answers) if question.default else ""
        while True:
            text = read_line(f"{question.prompt}{f' [{default}]' if default else ''}: ") or default
            fault = find_fault(question, text, answers)
            if not fault:
                return text
            self.stderr.write(fault)

    def ask_password(self, user: User, *, interactive: bool) -> str:
        """From the environment, or typed twice and never shown."""
        if given := os.environ.get(PASSWORD_VARIABLE):
            if faults := find_password_faults(user):
                raise CommandError(faults[0])
            return given
        while True:
            password = read_line("Password: ", secret=True)
            try:
                validate_password(password, user)
            except ValidationError as fault:
                self.stderr.write(" ".join(fault.messages))
                continue
            if password == read_line("The same again: ", secret=True):
                return password
            self.stderr.write("The two differ.")

    def agree_to_removal(self, *, interactive: bool) -> None:
        demo = find_demo_site()
        if demo is None or not interactive:
            return
        answer = read_line(f"Remove the demonstration clinic {demo} with its invented patients? [Y/n] ")
        if answer.lower() not in ("", "y", "yes"):
            raise CommandError("Nothing was set up: a real clinic cannot share the database with the demonstration.")

    def report(self, site: Site, administrator: User, *, site_is_new: bool, account_is_new: bool) -> None:
        hours = ", ".join(str(span) for span in site.hours.all())
        lines = (
            f"Site {site} ({site.code}) {'is set up' if site_is_new else 'is there already'}: {hours}.",
            f"Administrator {administrator.username} {'can sign in' if account_is_new else 'is there already'}.",
            f"Protocol library: {Protocol.objects.library().count()} protocols.",
            "Next, in the browser: resources, staff, public holidays, and the protocols of the site.",
        )
        self.stdout.write("\n".join(lines))


def nearest(rows: Iterable[T], differences: Callable[[T], list[Question]]) -> T | None:
    """Of what is there, that which the options mean: the one that they contradict least."""
    return min(rows, key=lambda row: len(differences(row)), default=None)


def refuse_faults(site: Site | None, administrator: User | None, given: Given, *, interactive: bool) -> None:
    """Before anything is asked or written: all that is wrong with the options, a line for each fault."""
    site_differs = differing(SITE_QUESTIONS, given, describe_site(site)) if site else []
    user_differs = differing(ADMINISTRATOR_QUESTIONS, given, describe_administrator(administrator or User()))
    site_questions = site_differs if site else SITE_QUESTIONS
    user_questions = user_differs if administrator else ADMINISTRATOR_QUESTIONS
    faults = find_faults((*site_questions, *user_questions), given, may_ask=interactive)
    if administrator is None:
        user = User(username=given["username"] or "", email=given["admin_email"] or "")
        faults += find_password_faults(user)
    if not interactive:
        faults += find_gaps((*site_questions, *user_questions), given, needs_password=administrator is None)
    conflicts = {
        f"site {site and site.code}": site_differs,
        f"administrator {administrator and administrator.username}": user_differs if administrator else [],
    }
    if conflict := say_conflict(conflicts):
        faults.append(conflict)
    if faults:
        raise CommandError("\n".join(faults))


def find_password_faults(user: User) -> list[str]:
    """Of the password in the environment, where there is one."""
    if not (given := os.environ.get(PASSWORD_VARIABLE)):
        return []
    try:
        validate_password(given, user)
    except ValidationError as fault:
        return [f"{PASSWORD_VARIABLE}: {' '.join(fault.messages)}"]
    return []


def find_gaps(questions: Iterable[Question], given: Given, *, needs_password: bool) -> list[str]:
    missing = [question.flag for question in questions if question.default is None and given[question.option] is None]
    if needs_password and not os.environ.get(PASSWORD_VARIABLE):
        missing.append(f"{PASSWORD_VARIABLE} in the environment")
    return [f"Without questions these are needed too: {', '.join(missing)}."] if missing else []


def read_line(prompt: str, *, secret: bool = False) -> str:
    try:
        return getpass.getpass(prompt) if secret else input(prompt).strip()
    except EOFError:
        raise CommandError("There is nobody to ask here; give the answers as options, and --no-input.") from None
    except KeyboardInterrupt:
        raise CommandError("Nothing was set up.") from None
