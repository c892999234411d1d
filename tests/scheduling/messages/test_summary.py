"""The first mail of a course: every appointment in a list, what to bring, and a picture of the weeks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core import mail

from clinic.models import Site
from scheduling.models import Course
from tests import factories
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver

FIRST = datetime(2026, 12, 1, 14, tzinfo=UTC)  # Tuesday, 9:00 in New York
GMAIL_CLIPS = 102_000  # bytes of a mail's HTML after which Gmail hides the rest


class Tables(HTMLParser):
    """The tables of a page: caption, and the text of each cell by row."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[tuple[str, list[list[str]]]] = []
        self.at = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.at = tag if tag in ("caption", "td", "th") else self.at
        if tag == "table":
            self.tables.append(("", []))
        if tag == "tr":
            self.tables[-1][1].append([])
        if tag in ("td", "th"):
            self.tables[-1][1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.at = "" if tag == self.at else self.at

    def handle_data(self, data: str) -> None:
        caption, rows = self.tables[-1] if self.tables else ("", [])
        if self.at == "caption":
            self.tables[-1] = (caption + data, rows)
        if self.at in ("td", "th") and rows:
            rows[-1][-1] = f"{rows[-1][-1]} {data}".strip()


def months_of(html: str) -> dict[str, list[list[str]]]:
    reader = Tables()
    reader.feed(html)
    return {caption: rows for caption, rows in reader.tables if caption}


def book(site: Site, now: datetime, *, days: list[int], **fields: Any) -> Course:
    version = cast.make_version(publish=False)
    make = version.tracks.get().visit_type.instructions.create
    make(kind="bring", text="Your card.", text_es="Su tarjeta.")
    make(kind="other", text="Please be early.")
    patient = factories.make_patient(site=site, **fields)
    return cast.book(patient, [FIRST + timedelta(days=day) for day in days], now=now, version=version)


def read_summary(now: datetime) -> tuple[str, str]:
    deliver(now + timedelta(seconds=121))
    message: Any = mail.outbox[0]
    return message.body, str(message.alternatives[0][0])


def test_weeks_are_a_table_with_the_time_on_each_day_of_a_visit(site: Site, now: datetime) -> None:
    book(site, now, days=[0, 3, 31])
    _text, html = read_summary(now)
    months = months_of(html)
    assert list(months) == ["December 2026", "January 2027"]
    assert months["December 2026"] == [
        ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
        ["", "", "1 9:00 AM", "2", "3", "4 9:00 AM", "5"],
        ["6", "7", "8", "9", "10", "11", "12"],
        ["13", "14", "15", "16", "17", "18", "19"],
        ["20", "21", "22", "23", "24", "25", "26"],
        ["27", "28", "29", "30", "31", "", ""],
    ]
    assert months["January 2027"][1] == ["", "", "", "", "", "1 9:00 AM", "2"]


def test_weeks_of_a_reader_of_spanish_begin_on_monday(site: Site, now: datetime) -> None:
    book(site, now, days=[0], language="es")
    _text, html = read_summary(now)
    months = months_of(html.replace("\u00a0", " "))
    assert months["Diciembre de 2026"][:2] == [
        ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
        ["", "1 9:00 a. m.", "2", "3", "4", "5", "6"],
    ]


def test_picture_needs_nothing_that_mail_clients_refuse(site: Site, now: datetime) -> None:
    book(site, now, days=[0, 3])
    _text, html = read_summary(now)
    assert (
        re.findall(
            r"<(?:script|style|link|img|svg|iframe|form|input)\b|url\(|class=|position:|display:(?:grid|flex)", html
        )
        == []
    )
    assert re.findall(r"(?:src|href)=", html) == []
    assert html.count('scope="col"') == 7  # the days of the week, as a screen reader says them


def test_picture_is_an_addition_and_the_list_says_it_all(site: Site, now: datetime) -> None:
    book(site, now, days=[0, 3])
    text, html = read_summary(now)
    assert text.split("\n\n")[1:-2] == [
        "We look forward to seeing you. These are your appointments:",
        "Tuesday, December 1, 2026, 9:00 AM EST\nFriday, December 4, 2026, 9:00 AM EST",
        "Place: 1 Main Street, Springfield",
        "Please bring: Your card.",
        "For each of them you will get a calendar invitation, some days before. If a time changes, we will tell you.",
    ]
    assert "December 2026" not in text
    assert html.index("Friday, December 4, 2026") < html.index("<caption")


def test_what_to_bring_is_said_once_for_many_visits_and_in_the_readers_language(site: Site, now: datetime) -> None:
    book(site, now, days=[0, 3, 7], language="es")
    text, html = read_summary(now)
    assert text.count("Por favor, traiga: Su tarjeta.") == html.count("Por favor, traiga: Su tarjeta.") == 1


@pytest.mark.parametrize(
    ("channel", "said", "unsaid"),
    [
        ("email", "you will get a calendar invitation", "you subscribe to"),
        ("feed", "in the calendar you subscribe to", "calendar invitation"),
    ],
)
def test_words_about_the_calendar_fit_the_channel(
    site: Site, now: datetime, channel: str, said: str, unsaid: str
) -> None:
    book(site, now, days=[0], channel=channel)
    for part in read_summary(now):
        assert said in part and unsaid not in part


def test_course_of_a_year_stays_below_what_gmail_shows(site: Site, now: datetime) -> None:
    book(site, now, days=list(range(0, 360, 6)), language="es")
    _text, html = read_summary(now)
    assert len(months_of(html)) == 12
    assert len(html.encode()) < GMAIL_CLIPS
