"""The driver's own event: what it says, what it never says, and what two parsers read; RFC 5545, 5546, 6047."""

from __future__ import annotations

import email
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
import vobject
from django.utils import translation
from icalendar import Calendar

from scheduling.messages.discretion import clinical_words
from scheduling.messages.driver_letters import write_pick_up_letter
from scheduling.messages.letters import Letter
from scheduling.messages.pick_ups import record_pick_up, span_of
from scheduling.models import PickUp, Session
from tests.scheduling.messages import cast
from tests.scheduling.messages.test_ics import GOLDEN, NOW, STORIES, Story, make_session, same_as_golden, write_mail

UID = "4c1f6f52-1c38-4b40-8a61-0d7f6f1b2a90"
STEPS = ["request", "update", "cancel"]
SEQUENCES = {"request": 0, "update": 1, "cancel": 2}


@pytest.fixture(params=STORIES, ids=[story.name for story in STORIES])
def story(request: pytest.FixtureRequest) -> Story:
    return request.param


def letters(story: Story) -> Iterator[tuple[str, Letter, Session]]:
    """A pick-up told for one side of a clock change, moved to the other with its session, and called off."""
    session = make_session(story)
    cast.change(session, now=NOW, **cast.span(story.at(story.before), minutes=120, timezone=story.timezone))
    start, end = span_of(session)
    pick_up = PickUp.objects.create(
        session=session, uid=UUID(UID), email="bob@mail.example", start=start, end=end, created_at=NOW, changed_at=NOW
    )
    with translation.override("en"):
        yield "request", say(pick_up, session), session
        cast.change(session, now=NOW, **cast.span(story.at(story.after), minutes=120, timezone=story.timezone))
        pick_up.sequence, (pick_up.start, pick_up.end) = 1, span_of(session)
        pick_up.save(update_fields=["sequence", "start", "end"])
        yield "update", say(pick_up, session), session
        pick_up.sequence, pick_up.ended_at = 2, NOW
        pick_up.save(update_fields=["sequence", "ended_at"])
        yield "cancel", say(pick_up, session), session


def say(pick_up: PickUp, session: Session) -> Letter:
    pick_up.refresh_from_db()
    letter = write_pick_up_letter(pick_up, session, NOW)
    record_pick_up(letter.pick_up)
    return letter


@pytest.mark.django_db
def test_messages_of_a_pick_up_across_a_clock_change_are_the_golden_ones(story: Story) -> None:
    for step, letter, session in letters(story):
        assert same_as_golden(f"driver-{step}-{story.name}.ics", letter.event)
        assert same_as_golden(f"driver-{step}-{story.name}.eml", write_mail(letter, session))


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
@pytest.mark.parametrize("step", STEPS)
def test_two_parsers_read_the_quarter_of_an_hour_before_the_visit_ends(story: Story, step: str) -> None:
    begins = story.at(story.before if step == "request" else story.after)
    expected = (begins + timedelta(minutes=105), begins + timedelta(minutes=120))
    content = (GOLDEN / f"driver-{step}-{story.name}.ics").read_bytes()
    [event] = Calendar.from_ical(content).walk("VEVENT")
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == expected
    other = vobject.readOne(content.decode())
    assert (other.vevent.dtstart.value, other.vevent.dtend.value) == expected
    method, status = ("CANCEL", "CANCELLED") if step == "cancel" else ("REQUEST", "CONFIRMED")
    assert (other.method.value, other.vevent.status.value) == (method, status)
    assert (other.vevent.uid.value, other.vevent.sequence.value) == (UID, str(SEQUENCES[step]))
    assert other.vevent.summary.value == "Pick-up at Café Müller; Suite 3, North"
    assert other.vevent.location.value == "1 Main Street, Springfield"
    assert other.vevent.organizer.value == "mailto:front@clinic.example"
    assert [attendee.value for attendee in other.vevent.attendee_list] == ["mailto:bob@mail.example"]
    assert (other.vevent.transp.value, getattr(other.vevent, "class").value) == ("OPAQUE", "PRIVATE")


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
@pytest.mark.parametrize("step", STEPS)
def test_the_mail_says_time_place_and_phone_and_nothing_of_the_patient(story: Story, step: str) -> None:
    message = email.message_from_bytes((GOLDEN / f"driver-{step}-{story.name}.eml").read_bytes())
    parts = list(message.get_payload())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "text/calendar"]
    method = "CANCEL" if step == "cancel" else "REQUEST"
    assert (parts[2].get_param("method"), parts[2].get_content_charset()) == (method, "utf-8")
    assert (message["To"], message["Auto-Submitted"]) == ("bob@mail.example", "auto-generated")
    texts = [part.get_payload(decode=True).decode() for part in parts]
    local = story.local(story.before if step == "request" else story.after)
    when = f"{local:%A, %B} {local.day}, {local.year}, 10:45 AM {local.tzname()}"
    assert when in texts[0] and when in texts[1]
    said = "".join([str(message["Subject"]), *texts])
    assert "ada@mail.example" not in said and "Ada" not in said and "Patient" not in said
    assert "/v/" not in said
    # The names of the style of the page are no words of the message.
    assert clinical_words(texts[0] + texts[2]) == []
    whole = texts[0].splitlines()
    first, *middle = {
        "request": ["Somebody has named you to take them home after an appointment here. Please be here at:", when],
        "update": [
            "The time to pick somebody up has changed. Please be here at:",
            when,
            *[line for line in whole if line.startswith("   (before: ")],
        ],
        "cancel": ["You do not need to pick anybody up after all:", f"Cancelled: {when}"],
    }[step]
    private = ["Place: 1 Main Street, Springfield", "To protect their privacy, this message does not say who it is."]
    assert [line for line in whole if line] == [
        "Hello,",
        first,
        *middle,
        *(private if step != "cancel" else []),
        "Questions, or you cannot come? Please call us: +1 555 0100",
        "Café Müller; Suite 3, North",
        "1 Main Street, Springfield",
        "+1 555 0100",
    ]


@pytest.mark.django_db
def test_a_driver_is_written_to_in_the_language_of_the_patient() -> None:
    session = make_session(STORIES[1])
    start, end = span_of(session)
    pick_up = PickUp(session=session, email="bob@mail.example", start=start, end=end, created_at=NOW, changed_at=NOW)
    with translation.override("es"):
        letter = write_pick_up_letter(pick_up, session, NOW)
    assert '<html lang="es">' in letter.html
    assert "octubre" in letter.text
