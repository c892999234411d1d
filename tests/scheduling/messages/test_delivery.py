"""What the patient finds in the mailbox, and when."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from clinic.models import Channel, Patient, Site
from protocols.models import Instruction, VisitType
from scheduling.messages.links import link_to
from scheduling.models import Announcement, Course, Notice, NoticeKind, NoticeStatus, Session, SessionStatus
from tests.scheduling.messages import cast
from tests.scheduling.messages.mailbox import deliver, read_event, read_parts

SOON = timedelta(seconds=121)


def nine(day: int) -> datetime:
    """09:00 in New York, so many days after Monday, November 23."""
    return datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(days=day)


def session(course: Course, number: int = 1) -> Session:
    return course.sessions.get(number=number)


def test_summary_and_near_invites_go_out_after_the_debounce(patient: Patient, now: datetime) -> None:
    cast.book(patient, [nine(4), nine(22)], now=now)
    assert deliver(now + timedelta(seconds=119)) == []
    assert deliver(now + SOON) == [
        "Your appointments at Riverside riverside",
        "REQUEST 0 11-27T14 Appointment at Riverside riverside, Fri, Nov 27, 9:00 AM EST",
    ]
    assert deliver(now + SOON) == []


def test_summary_lists_every_appointment_with_its_zone_and_the_place(patient: Patient, now: datetime) -> None:
    cast.book(patient, [nine(22), nine(120)], now=now)  # the second after the clocks went forward
    deliver(now + SOON)
    [summary] = mail.outbox
    assert summary.body == (
        "Hello Ada,\n\nWe look forward to seeing you. These are your appointments:\n\n"
        "Tuesday, December 15, 2026, 9:00 AM EST\nTuesday, March 23, 2027, 10:00 AM EDT\n\n"
        "Place: 1 Main Street, Springfield\n\n"
        "For each of them you will get a calendar invitation, some days before. "
        "If a time changes, we will tell you.\n\n"
        "Questions, or you cannot come? Please call us: +1 555 0100\n\n"
        "Riverside riverside\n1 Main Street, Springfield\n+1 555 0100\n"
    )
    assert [kind for kind, _ in read_parts(summary)] == ["text/plain", "text/html"]


def test_second_course_does_not_read_like_a_replacement_of_the_first(patient: Patient, now: datetime) -> None:
    first = cast.book(patient, [nine(22)], now=now)
    deliver(now + SOON)
    new = "These appointments are new. Others you have with us stay as they are."
    cast.book(patient, [nine(23)], now=now + timedelta(hours=1), version=first.version)
    assert deliver(now + timedelta(hours=1) + SOON) == ["Your appointments at Riverside riverside"]
    assert mail.outbox[0].body.split("\n\n")[1:3] == [new, "Wednesday, December 16, 2026, 9:00 AM EST"]
    assert new in dict(read_parts(mail.outbox[0]))["text/html"].decode()


@pytest.mark.parametrize("ending", ["cancelled", "over", "not announced"])
def test_course_beside_one_with_nothing_to_come_is_no_addition(patient: Patient, now: datetime, ending: str) -> None:
    first = cast.book(patient, [nine(1)], now=now, version=cast.make_version(publish=False))
    booked_at = nine(2) if ending == "over" else now + timedelta(hours=1)
    if ending == "cancelled":
        cast.cancel(session(first), now=now)
    if ending == "not announced":
        VisitType.objects.filter(version=first.version).update(place="external")
    cast.book(patient, [nine(30)], now=booked_at)
    deliver(booked_at + SOON)
    [summary] = [message for message in mail.outbox if "December 23" in str(message.body)]
    assert str(summary.body).split("\n\n")[1] == "We look forward to seeing you. These are your appointments:"


def test_site_without_address_and_phone_leaves_no_empty_label(patient: Patient, now: datetime) -> None:
    Site.objects.update(address="", phone="")
    cast.book(patient, [nine(22)], now=now)
    deliver(now + SOON)
    assert "Place" not in mail.outbox[0].body and "call us" not in mail.outbox[0].body
    assert mail.outbox[0].body.endswith("we will tell you.\n\nRiverside riverside\n")


def test_invite_follows_when_its_day_comes(patient: Patient, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    assert deliver(now + SOON) == ["Your appointments at Riverside riverside"]
    assert deliver(nine(8) - timedelta(seconds=1)) == []
    assert deliver(nine(8)) == [
        "REQUEST 0 12-15T14 Appointment at Riverside riverside, Tue, Dec 15, 9:00 AM EST",
    ]


def test_correction_soon_after_booking_sends_one_message(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4), nine(22)], now=now)
    cast.move(session(course), nine(5), now=now + timedelta(seconds=60))
    cast.cancel(session(course, 2), now=now + timedelta(seconds=100))
    assert deliver(now + timedelta(seconds=150)) == []
    assert deliver(now + timedelta(seconds=221)) == [
        "Your appointments at Riverside riverside",
        "REQUEST 1 11-28T14 Appointment at Riverside riverside, Sat, Nov 28, 9:00 AM EST",
    ]
    assert deliver(nine(30)) == []


def test_move_inside_the_horizon_updates_the_event(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    cast.move(session(course), nine(5), now=now + timedelta(hours=1))
    assert deliver(now + timedelta(hours=1) + SOON) == [
        "REQUEST 1 11-28T14 New time: Appointment at Riverside riverside, Sat, Nov 28, 9:00 AM EST",
    ]
    assert "(before: Friday, November 27, 2026, 9:00 AM EST)" in mail.outbox[0].body


def test_edits_of_the_same_minutes_collapse_to_the_last(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    for minute, day in enumerate((5, 6, 7)):
        cast.move(session(course), nine(day), now=now + timedelta(hours=1, minutes=minute))
    assert deliver(now + timedelta(hours=1, minutes=2) + SOON) == [
        "REQUEST 3 11-30T14 New time: Appointment at Riverside riverside, Mon, Nov 30, 9:00 AM EST",
    ]


def test_move_there_and_back_says_nothing(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4), nine(30)], now=now)
    deliver(now + SOON)
    for number, day in ((1, 5), (1, 4), (2, 31), (2, 30)):
        cast.move(session(course, number), nine(day), now=now + timedelta(hours=1))
    assert deliver(now + timedelta(hours=1) + SOON) == []
    assert set(Notice.objects.filter(status=NoticeStatus.SKIPPED).values_list("kind", "outcome")) == {
        (NoticeKind.CALENDAR, "skipped: nothing has changed"),
        (NoticeKind.CHANGES, "skipped: nothing has changed"),
    }


def test_cancelled_session_leaves_the_calendar(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    cast.cancel(session(course), now=now + timedelta(hours=1))
    assert deliver(now + timedelta(hours=1) + SOON) == [
        "CANCEL 1 11-27T14 Cancelled: Appointment at Riverside riverside, Fri, Nov 27, 9:00 AM EST",
    ]
    assert deliver(nine(30)) == []


def test_session_moved_and_then_cancelled_is_only_cancelled(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    cast.move(session(course), nine(5), now=now + timedelta(hours=1))
    cast.cancel(session(course), now=now + timedelta(hours=1))
    assert [line.split()[:2] for line in deliver(now + timedelta(hours=1) + SOON)] == [["CANCEL", "2"]]


def test_far_changes_come_as_one_list(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(day) for day in (30, 37, 44, 51)], now=now)
    deliver(now + SOON)
    later = now + timedelta(hours=1)
    cast.move(session(course, 1), nine(31), now=later)
    cast.move(session(course, 2), nine(38), now=later)
    cast.cancel(session(course, 3), now=later)
    assert deliver(later + SOON) == ["Changed appointments at Riverside riverside"]
    assert mail.outbox[0].body.split("\n\n")[2] == (
        "Thursday, December 24, 2026, 9:00 AM EST\n   (before: Wednesday, December 23, 2026, 9:00 AM EST)\n"
        "Thursday, December 31, 2026, 9:00 AM EST\n   (before: Wednesday, December 30, 2026, 9:00 AM EST)\n"
        "Cancelled: Wednesday, January 6, 2027, 9:00 AM EST"
    )
    assert deliver(later + 2 * SOON) == []


def test_stopped_course_takes_back_invites_and_lists_the_rest(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4), nine(11), nine(30), nine(37)], now=now)
    deliver(now + SOON)
    cast.cancel(*course.sessions.all(), now=now + timedelta(hours=1))
    assert [line.split(",")[0] for line in deliver(now + timedelta(hours=1) + SOON)] == [
        "Changed appointments at Riverside riverside",
        "CANCEL 1 11-27T14 Cancelled: Appointment at Riverside riverside",
        "CANCEL 1 12-04T14 Cancelled: Appointment at Riverside riverside",
    ]
    assert mail.outbox[0].body.split("\n\n")[1:-2] == [
        "All appointments of this course that were still to come are cancelled:",
        "Cancelled: Friday, November 27, 2026, 9:00 AM EST\nCancelled: Friday, December 4, 2026, 9:00 AM EST\n"
        "Cancelled: Wednesday, December 23, 2026, 9:00 AM EST\nCancelled: Wednesday, December 30, 2026, 9:00 AM EST",
    ]
    assert not Notice.objects.filter(status=NoticeStatus.DUE).exists()


def list_of_changes() -> list[str]:
    """The paragraphs between greeting and phone number; the HTML says the first and the last as well."""
    [message] = [message for message in mail.outbox if str(message.subject).startswith("Changed")]
    paragraphs = str(message.body).split("\n\n")[1:-2]
    html = dict(read_parts(message))["text/html"].decode()
    assert all(sentence in html for sentence in (paragraphs[0], paragraphs[-1]))
    return paragraphs


OTHERS_BY_CALENDAR = (
    "Some appointments that are not listed here come to you in a calendar message of their own. "
    "All others stay as they are."
)


def test_list_names_cancellations_of_invited_visits_of_the_same_change(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(day) for day in (4, 30, 37)], now=now)
    deliver(now + SOON)
    cast.cancel(session(course, 1), session(course, 2), now=now + timedelta(hours=1))
    assert len(deliver(now + timedelta(hours=1) + SOON)) == 2
    assert list_of_changes() == [
        "Some of your appointments are new or have changed:",
        "Cancelled: Friday, November 27, 2026, 9:00 AM EST\nCancelled: Wednesday, December 23, 2026, 9:00 AM EST",
        "Appointments that are not listed here stay as they are.",
    ]


@pytest.mark.parametrize("is_list_first", [True, False])
@pytest.mark.parametrize(("number", "day"), [(1, 5), (1, 60), (2, 6)], ids=["near", "out of the border", "into it"])
def test_list_says_that_others_come_by_calendar(
    patient: Patient, now: datetime, number: int, day: int, is_list_first: bool
) -> None:
    course = cast.book(patient, [nine(4), nine(30), nine(37), nine(44)], now=now)
    deliver(now + SOON)
    moved, far = session(course, number), session(course, 3)
    later = now + timedelta(hours=1)
    acts = [lambda: cast.move(far, nine(38), now=later), lambda: cast.move(moved, nine(day), now=later)]
    for act in acts if is_list_first else reversed(acts):
        act()
    assert len(deliver(later + SOON)) == 2
    assert list_of_changes() == [
        "Some of your appointments are new or have changed:",
        "Thursday, December 31, 2026, 9:00 AM EST\n   (before: Wednesday, December 30, 2026, 9:00 AM EST)",
        "Place: 1 Main Street, Springfield",
        OTHERS_BY_CALENDAR,
    ]


def test_invited_session_moved_beyond_the_horizon_is_updated_at_once(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    cast.move(session(course), nine(60), now=now + timedelta(hours=1))
    assert [line.split()[:3] for line in deliver(now + timedelta(hours=1) + SOON)] == [["REQUEST", "1", "01-22T14"]]


def test_session_moved_into_the_horizon_is_told_by_its_invite_alone(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(30)], now=now)
    deliver(now + SOON)
    cast.move(session(course), nine(6), now=now + timedelta(hours=1))
    assert deliver(now + timedelta(hours=1) + SOON) == [
        "REQUEST 1 11-29T14 New time: Appointment at Riverside riverside, Sun, Nov 29, 9:00 AM EST",
    ]


def test_newly_booked_far_session_is_told_by_list(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(30)], now=now)
    deliver(now + SOON)
    cast.add(course, nine(37), number=2, now=now + timedelta(hours=1))
    assert deliver(now + timedelta(hours=1) + SOON) == ["Changed appointments at Riverside riverside"]
    assert mail.outbox[0].body.split("\n\n")[2] == "Wednesday, December 30, 2026, 9:00 AM EST"


def test_cancellation_names_the_time_the_patient_knows(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4), nine(30)], now=now)
    deliver(now + SOON)
    later = now + timedelta(hours=1)
    for number in (1, 2):
        cast.move(session(course, number), nine(6 + 30 * number), now=later)
        cast.cancel(session(course, number), now=later)
    assert deliver(later + SOON) == [
        "CANCEL 2 11-27T14 Cancelled: Appointment at Riverside riverside, Fri, Nov 27, 9:00 AM EST",
        "Changed appointments at Riverside riverside",
    ]
    assert mail.outbox[1].body.split("\n\n")[2] == (
        "Cancelled: Friday, November 27, 2026, 9:00 AM EST\nCancelled: Wednesday, December 23, 2026, 9:00 AM EST"
    )


def test_external_visit_is_never_announced(patient: Patient, now: datetime) -> None:
    version = cast.make_version(publish=False)
    VisitType.objects.filter(version=version).update(place="external")
    course = cast.book(patient, [nine(4)], now=now, version=version)
    cast.move(session(course), nine(5), now=now)
    assert Notice.objects.count() == 0


@pytest.mark.parametrize(
    ("place", "title", "line"),
    [
        ("video", "Appointment with Riverside riverside", "By video"),
        ("home", "Appointment with Riverside riverside", "At home"),
    ],
)
def test_visit_elsewhere_names_its_place(patient: Patient, now: datetime, place: str, title: str, line: str) -> None:
    version = cast.make_version(publish=False)
    VisitType.objects.filter(version=version).update(place=place)
    cast.book(patient, [nine(4)], now=now, version=version)
    deliver(now + SOON)
    assert mail.outbox[1].subject == f"{title}, Fri, Nov 27, 9:00 AM EST"
    assert mail.outbox[1].body.split("\n\n")[2] == f"Friday, November 27, 2026, 9:00 AM EST – {line}"
    event = read_event(mail.outbox[1])
    assert (str(event["SUMMARY"]), str(event["LOCATION"])) == (title, line)


def test_patient_in_another_zone_reads_both_clocks(patient: Patient, now: datetime) -> None:
    patient.timezone = "America/Los_Angeles"
    patient.save()
    cast.book(patient, [nine(30)], now=now)
    deliver(now + SOON)
    assert "9:00 AM EST (6:00 AM PST where you are)" in mail.outbox[0].body


def test_driver_reminder_tells_stay_fasting_and_driver_in_the_body_only(patient: Patient, now: datetime) -> None:
    version = cast.make_version(sedating=True, publish=False)
    visit = version.tracks.get().visit_type
    Instruction.objects.create(visit_type=visit, kind="no_food", minutes_before=120)
    Instruction.objects.create(visit_type=visit, kind="no_drink", minutes_before=30)
    Instruction.objects.create(visit_type=visit, kind="bring", text="A list of what you take.")
    cast.book(patient, [nine(22)], now=now, version=version, minutes=165)
    deliver(nine(8))
    assert deliver(datetime(2026, 12, 12, 15, tzinfo=UTC)) == [
        "Reminder: Appointment at Riverside riverside, Tue, Dec 15, 9:00 AM EST"
    ]
    assert mail.outbox[0].body.split("\n\n")[1:-2] == [
        "This is a reminder of your appointment:",
        "Tuesday, December 15, 2026, 9:00 AM EST",
        "Place: 1 Main Street, Springfield",
        "Please plan to stay for 2 hours 45 minutes, until 11:45 AM EST.",
        "Please do not eat anything after 7:00 AM EST.",
        "Please do not drink anything after 8:30 AM EST.",
        "Please arrange for someone to take you home afterwards.",
        "No driving until the next day, after restful sleep.",
        "You may drive again on Wednesday, December 16, 2026 at the earliest.",
        "Please bring: A list of what you take.",
        "To confirm, to tell us that you cannot come, and to see how to prepare:\n"
        + link_to(Session.objects.get(), now=now),
    ]
    assert deliver(datetime(2026, 12, 14, 15, tzinfo=UTC)) == [
        "Reminder: Appointment at Riverside riverside, Tue, Dec 15, 9:00 AM EST"
    ]


def test_fasting_the_night_before_names_the_day(patient: Patient, now: datetime) -> None:
    version = cast.make_version(sedating=True, publish=False)
    Instruction.objects.create(visit_type=version.tracks.get().visit_type, kind="no_food", minutes_before=600)
    cast.book(patient, [nine(22)], now=now, version=version)
    deliver(nine(8))
    deliver(datetime(2026, 12, 12, 15, tzinfo=UTC))
    assert "Please do not eat anything after 11:00 PM EST on Monday, December 14, 2026." in mail.outbox[0].body


def test_daily_course_has_a_digest_on_sunday(patient: Patient, now: datetime) -> None:
    version = cast.make_version(phases=cast.DAILY)
    cast.book(patient, [nine(day) for day in (14, 15, 16, 17, 18, 21)], now=now, version=version)
    deliver(nine(12))  # whatever came before
    assert deliver(datetime(2026, 12, 6, 15, tzinfo=UTC)) == [
        "Reminder: Appointment at Riverside riverside, Mon, Dec 7, 9:00 AM EST",
        "Your week at Riverside riverside",
    ]
    assert mail.outbox[1].body.split("\n\n")[2].count("\n") == 4
    assert deliver(datetime(2026, 12, 12, 15, tzinfo=UTC)) == []
    assert deliver(datetime(2026, 12, 13, 15, tzinfo=UTC)) == ["Your week at Riverside riverside"]


def test_reminder_of_a_moved_session_never_goes_out(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(22)], now=now)
    deliver(nine(8))
    cast.move(session(course), nine(24), now=nine(10))
    deliver(nine(10) + SOON)
    assert deliver(datetime(2026, 12, 12, 15, tzinfo=UTC)) == []
    assert deliver(datetime(2026, 12, 14, 15, tzinfo=UTC)) == [
        "Reminder: Appointment at Riverside riverside, Thu, Dec 17, 9:00 AM EST"
    ]


def test_reminder_is_checked_again_when_it_is_sent(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(22)], now=now)
    deliver(nine(8))
    Session.objects.filter(course=course).update(status=SessionStatus.CANCELLED)
    assert deliver(datetime(2026, 12, 12, 15, tzinfo=UTC)) == []
    assert Notice.objects.get(outcome="skipped: the appointment has changed").kind == NoticeKind.REMINDER


def test_reminder_late_after_an_outage_is_skipped(patient: Patient, now: datetime) -> None:
    cast.book(patient, [nine(22)], now=now)
    deliver(nine(8))
    assert deliver(nine(22) - timedelta(minutes=119)) == []
    assert list(Notice.objects.filter(kind="reminder").values_list("status", "outcome")) == [
        (NoticeStatus.SKIPPED, "skipped: late"),
        (NoticeStatus.SKIPPED, "skipped: late"),
    ]


def test_changed_address_withdraws_here_and_invites_there(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    old, patient.email = patient.email, "new@mail.example"
    patient.save()
    assert [line.split()[:2] for line in deliver(now + timedelta(hours=1))] == [["CANCEL", "1"]]
    assert mail.outbox[0].to == [old]
    assert str(mail.outbox[0].subject).startswith("Taken out of this calendar: Appointment at ")
    assert "The appointment itself is not cancelled." in mail.outbox[0].body
    assert [line.split()[:2] for line in deliver(now + timedelta(hours=1) + SOON)] == [["REQUEST", "0"]]
    assert mail.outbox[0].to == ["new@mail.example"]
    assert deliver(now + timedelta(hours=1) + 2 * SOON) == []
    assert session(course).announcement.invited_to == "new@mail.example"


def test_moved_session_of_a_changed_address_leaves_the_old_calendar(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    Patient.objects.update(email="new@mail.example")
    cast.move(session(course), nine(5), now=now + timedelta(hours=1))
    sent = deliver(now + timedelta(hours=1) + SOON) + deliver(now + timedelta(hours=1) + 2 * SOON)
    assert [line.split()[:3] for line in sent] == [["CANCEL", "2", "11-27T14"], ["REQUEST", "1", "11-28T14"]]
    assert session(course).announcement.invited_to == "new@mail.example"


def test_patient_who_gets_an_address_is_invited_and_no_longer_phoned(patient: Patient, now: datetime) -> None:
    address, patient.email = patient.email, ""
    patient.save()
    course = cast.book(patient, [nine(22)], now=now)
    patient.email = address
    patient.save()
    assert deliver(now + timedelta(hours=1)) == []
    waiting = course.notices.filter(status=NoticeStatus.DUE).order_by("due_at").values_list("kind", "channel")
    assert list(waiting) == [
        ("course_summary", "print"),
        ("calendar", "email"),
        ("reminder", "email"),
        ("reminder", "email"),
    ]


def test_patient_who_changes_to_print_is_withdrawn_and_phoned(patient: Patient, now: datetime) -> None:
    course = cast.book(patient, [nine(4), nine(22)], now=now)
    deliver(now + SOON)
    patient.channel = Channel.PRINT
    patient.save()
    assert [line.split()[:2] for line in deliver(now + timedelta(hours=1))] == [["CANCEL", "1"]]
    waiting = Notice.objects.filter(status=NoticeStatus.DUE).values_list("kind", "channel", "session__number")
    assert Counter(waiting) == Counter({("reminder", "call", 1): 2, ("reminder", "call", 2): 2})
    assert session(course).announcement.invited_to == ""


def test_messages_bear_no_personal_data_in_their_outcome(patient: Patient, now: datetime) -> None:
    cast.book(patient, [nine(4)], now=now)
    deliver(now + SOON)
    assert set(Notice.objects.filter(status=NoticeStatus.SENT).values_list("outcome", flat=True)) == {"sent"}
    assert Announcement.objects.get().invited_to == patient.email
