"""What the setup command must know, how it asks, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.text import slugify

from clinic.hours_text import EXAMPLE, read_hours
from clinic.models import Site, User
from clinic.public_holidays import validate_region
from scheduling.going_live import real_accounts
from scheduling.messages.discretion import refuse_clinical_address, refuse_clinical_words

Answers = dict[str, str]


@dataclass(frozen=True)
class Question:
    """One thing to know: its option, how it is asked, what refuses a wrong answer, and what an empty one means."""

    option: str
    prompt: str
    check: Callable[[str, Answers], object]
    default: Callable[[Answers], str] | None = None

    @property
    def flag(self) -> str:
        return f"--{self.option.replace('_', '-')}"


def field_of(model: type[Any], name: str) -> Callable[[str, Answers], object]:
    return lambda text, answers: model._meta.get_field(name).clean(text, None)


def check_public_name(text: str, answers: Answers) -> None:
    field_of(Site, "public_name")(text, answers)
    refuse_clinical_words(text)


def check_code(text: str, answers: Answers) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValidationError("Use letters from a to z, digits, hyphens and underscores, without spaces.")
    field_of(Site, "code")(text, answers)


def check_country(text: str, answers: Answers) -> None:
    validate_region(text.upper(), "")


def check_subdivision(text: str, answers: Answers) -> None:
    if "country" in answers:  # a country that is wrong, or not asked for yet, is told first
        validate_region(answers["country"].upper(), text.upper())


def check_username(text: str, answers: Answers) -> None:
    field_of(User, "username")(text, answers)
    if real_accounts().filter(username=text).exists():
        raise ValidationError(f"There is an account {text!r} already.")


SITE_QUESTIONS = (
    Question("name", "Name of the first site, as staff call it", field_of(Site, "name")),
    Question(
        "public_name",
        "Its name in messages to patients (no drug, device or diagnosis)",
        check_public_name,
        lambda answers: answers.get("name", ""),
    ),
    Question(
        "code",
        "Short code for commands and files",
        check_code,
        lambda answers: slugify(answers.get("name", ""))[:40] or "site",
    ),
    Question("timezone", "Time zone, such as America/New_York", field_of(Site, "timezone")),
    Question(
        "address",
        "Address, in one line (no drug, device or diagnosis)",
        lambda text, answers: refuse_clinical_address(text),
    ),
    Question("phone", "Phone that patients call", field_of(Site, "phone")),
    Question("email", "E-mail address that messages come from", field_of(Site, "email")),
    Question("hours", f"Opening hours, such as {EXAMPLE}", lambda text, _: read_hours(text)),
    Question("country", "Country of the public holidays, such as US (empty: none)", check_country, lambda _: ""),
    Question("subdivision", "State or region of the public holidays, such as NY", check_subdivision, lambda _: ""),
)
ADMINISTRATOR_QUESTIONS = (
    Question("username", "User name of the first administrator", check_username),
    Question("admin_email", "E-mail address of the administrator", field_of(User, "email")),
)


def find_fault(question: Question, text: str, answers: Answers) -> str:
    """What is wrong with an answer, in one sentence; empty when nothing is."""
    if question.default is None and not text.strip():
        return "This cannot be empty."
    try:
        question.check(text.strip(), answers)
    except ValidationError as fault:
        return fault.messages[0]
    except ValueError as fault:
        return str(fault)
    return ""


def make_site(answers: Answers) -> Site:
    names = ("name", "public_name", "code", "timezone", "address", "phone", "email")
    return Site(
        **{name: answers[name] for name in names},
        holiday_country=answers["country"].upper(),
        holiday_subdivision=answers["subdivision"].upper(),
    )
