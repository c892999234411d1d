"""Whether the setup command's options can be followed: every fault of all of them, told at once."""

from __future__ import annotations

from collections.abc import Iterable

from clinic.hours_text import read_hours
from clinic.models import Site, User
from scheduling.setup_questions import Answers, Question, find_fault

Given = dict[str, str | None]
ELSEWHERE = (
    "setup is for the first site and the first administrator. Further ones are added, and these changed, in the "
    "browser: Sites and hours, Staff."
)


def find_faults(questions: Iterable[Question], given: Given, *, may_ask: bool) -> list[str]:
    """What is wrong with the options that are given, and with the defaults of those that will not be asked for."""
    answers: Answers = {}
    faults = []
    for question in questions:
        text = given[question.option]
        if text is None and (may_ask or question.default is None):
            continue
        if text is None and question.default is not None and not (text := question.default(answers)):
            answers[question.option] = ""
        elif fault := find_fault(question, text or "", answers):
            faults.append(f"{question.flag}: {fault}")
        else:
            answers[question.option] = (text or "").strip()
    return faults


def describe_site(site: Site) -> Answers:
    """The answers that would make this site."""
    names = ("name", "public_name", "code", "timezone", "address", "phone", "email")
    hours = sorted((span.weekday, span.opens_at, span.closes_at) for span in site.hours.all())
    return {
        **{name: getattr(site, name) for name in names},
        "hours": str(hours),
        "country": site.holiday_country,
        "subdivision": site.holiday_subdivision,
    }


def describe_administrator(user: User) -> Answers:
    return {"username": user.username, "admin_email": user.email}


def differing(questions: Iterable[Question], given: Given, present: Answers) -> list[Question]:
    """The options that say something else than what is there."""
    return [
        question
        for question in questions
        if (text := given[question.option]) is not None and normalize(question, text) != present[question.option]
    ]


def normalize(question: Question, text: str) -> str:
    if question.option == "hours":
        try:
            return str(read_hours(text))
        except ValueError:
            return text  # a fault of its own
    return text.strip().upper() if question.option in ("country", "subdivision") else text.strip()


def say_conflict(conflicts: dict[str, list[Question]]) -> str:
    """One sentence for options that contradict what is there; the keys name it. Empty where none does."""
    there = [name for name, questions in conflicts.items() if questions]
    flags = ", ".join(question.flag for questions in conflicts.values() for question in questions)
    if not there:
        return ""
    verb = "is" if len(there) == 1 else "are"
    names = " and ".join(there)
    return f"{names[:1].upper()}{names[1:]} {verb} there already, and these options say otherwise: {flags}; {ELSEWHERE}"
