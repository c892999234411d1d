"""What an act did to the visits of a course is kept, and undone without a trace until the patient has been told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from clinic.models import Closure, Outage, Patient, Resource, Site, User
from protocols.models import DecisionPoint
from scheduling.attendance import mark_arrived, mark_missed
from scheduling.booking import plan_and_book, request_course, stop_course
from scheduling.changes import FreedSpan, freed_spans, recording, undo_change, why_not_undo
from scheduling.decisions import decide
from scheduling.drivers import confirm_driver, name_driver
from scheduling.locking import booking_transaction, lock_course
from scheduling.messages.delivery import deliver_due
from scheduling.messages.undoing import ON_ITS_WAY, TOLD
from scheduling.models import Announcement, Answer, CalendarFeed, Change, Course, Notice, PatientLink, Session
from scheduling.moving import cancel_session, move_session
from scheduling.offers import approve_wish
from scheduling.planning import legal_times
from scheduling.rearranging import propose_move, rearrange
from scheduling.refusals import BookingRefused
from scheduling.restoring import BEGUN, CHANGED_SINCE, PAST
from scheduling.row_states import State, read_courses, read_sessions
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, make_implant, put_session
from tests.scheduling.driving import BOB, state_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
TOLD_AT = NOW + 10 * MINUTE
ACTED_AT = NOW + 60 * MINUTE
WEEKLY = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}
QUERIES = 62


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Six visits, two a week, whose patient has been told of them."""
    return book(patient)


def book(patient: Patient, **fields: Any) -> Course:
    version = factories.make_protocol(phases=(WEEKLY,), **fields)
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    deliver_due(now=TOLD_AT)
    mail.outbox.clear()
    return course


def rows_of(*courses: Course) -> tuple[dict[int, State], dict[int, State]]:
    """All that a change keeps of rows, but when they were last written."""
    ids = [course.pk for course in courses]
    sessions = read_sessions(Session.objects.filter(course__in=ids).order_by("pk"))
    for state in sessions.values():
        del state["changed_at"]
    return read_courses(ids), sessions


def waiting(course: Course) -> list[tuple[Any, ...]]:
    """What waits to be said."""
    rows = Notice.objects.filter(course=course, status="due").order_by("kind", "due_at", "key")
    return list(rows.values_list("kind", "key", "channel", "session", "sequence", "due_at"))


def other_time(session: Session, *, now: datetime = ACTED_AT) -> datetime:
    offers = legal_times(session, now=now, first_on=session.local_date, last_on=session.local_date)
    return next(offer.start for offer in offers if offer.start != session.start)


def number(course: Course, wanted: int) -> Session:
    return course.sessions.select_related("site", "track", "visit_type").get(number=wanted)


# One after another what staff can do to a booked course; each returns the sentence that its change begins with.


def move(course: Course, by: User) -> str:
    move_session(number(course, 3), start=other_time(number(course, 3)), now=ACTED_AT, by=by)
    return "Visit 3 moved to "


def move_with_others(course: Course, by: User) -> str:
    session = number(course, 2)
    shown = propose_move(session, start=session.start + timedelta(days=3), now=ACTED_AT)
    assert len(shown.others) == 1
    rearrange(session, start=shown.start, expected=shown.fingerprint, now=ACTED_AT, by=by)
    return "Visit 2 moved to "


def move_following(course: Course, by: User) -> str:
    session = number(course, 3)
    shown = propose_move(session, start=session.start + timedelta(days=7), now=ACTED_AT, following=True)
    rearrange(session, start=shown.start, expected=shown.fingerprint, now=ACTED_AT, by=by, following=True)
    return "Visit 3 moved to "


def override(course: Course, by: User) -> str:
    session = number(course, 3)
    move_session(session, start=session.start - timedelta(days=2), now=ACTED_AT, by=by, override_reason="The only day")
    return "Visit 3 moved to "


def cancel(course: Course, by: User) -> str:
    cancel_session(number(course, 3), reason="asked for it", now=ACTED_AT, by=by)
    return "Visit 3 of "


def stop(course: Course, by: User) -> str:
    stop_course(course, reason="moves away", now=ACTED_AT, by=by)
    return "Course stopped"


ACTS = [move, move_with_others, move_following, override, cancel, stop]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_undoing_leaves_the_rows_and_the_outbox_as_if_nothing_had_been_done(
    course: Course, clerk: User, act: Callable[[Course, User], str]
) -> None:
    before, said = rows_of(course), waiting(course)
    summary = act(course, clerk)
    assert rows_of(course) != before
    change = Change.objects.get()
    assert (change.summary[: len(summary)], change.made_at, change.made_by) == (summary, ACTED_AT, clerk)
    assert why_not_undo(change, now=ACTED_AT + MINUTE) == ""
    undone = undo_change(change, now=ACTED_AT + MINUTE, by=clerk)
    assert (undone.undone_at, undone.undone_by) == (ACTED_AT + MINUTE, clerk)
    assert (rows_of(course), waiting(course)) == (before, said)
    deliver_due(now=ACTED_AT + 30 * MINUTE)
    assert mail.outbox == []


def test_a_missed_visit_is_undone_with_all_that_was_planned_again(course: Course, clerk: User) -> None:
    first = number(course, 1)
    before = rows_of(course)
    mark_missed(first, reason="no_show", now=first.end, by=clerk)
    assert rows_of(course) != before
    undo_change(Change.objects.get(), now=first.end + MINUTE, by=clerk)
    assert rows_of(course) == before


def test_a_date_that_a_course_is_counted_from_goes_back_with_all_that_followed_it(
    patient: Patient, chair: Resource, clerk: User
) -> None:
    asked = request_course(
        patient=patient, site=patient.home_site, version=make_implant(), earliest_start=a_day(7),
        latest_start=a_day(60), anchor_at=at(patient.home_site, 7, 10), now=NOW,
    )  # fmt: skip
    course = plan_and_book(asked.pk, now=NOW)
    assert course.status == "booked", course.plan_message
    deliver_due(now=TOLD_AT)
    before, said = rows_of(course), waiting(course)
    move_session(course.sessions.get(track__name="surgery"), start=at(course.site, 14, 10), now=ACTED_AT, by=clerk)
    assert Change.objects.get().sessions.count() == 3
    undo_change(Change.objects.get(), now=ACTED_AT + MINUTE, by=clerk)
    assert (rows_of(course), waiting(course)) == (before, said)


def test_a_decision_is_undone_with_the_visits_that_it_booked(
    patient: Patient, chair: Resource, clinician: User
) -> None:
    one = {"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 44}
    version = factories.make_protocol(phases=(WEEKLY, one), publish=False)
    point = DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=6, mode="blocking", question="Go on?"
    )
    version.status, version.published_at = "published", NOW
    version.save()
    course = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    before, reached = rows_of(course), number(course, 6).start + MINUTE
    decide(course, point, outcome="continue", now=reached, by=clinician)
    assert (course.sessions.count(), course.decisions.count()) == (7, 1)
    change = Change.objects.get()
    assert change.summary == "Decided: continue"
    undo_change(change, now=reached + MINUTE, by=clinician)
    assert (rows_of(course), course.decisions.count()) == (before, 0)


def test_a_wish_that_was_granted_by_mistake_waits_again(course: Course, clerk: User) -> None:
    session = number(course, 3)
    answer = Answer.objects.create(
        patient=course.patient, session=session, kind="move_wanted", source="page", key="k", given_at=NOW,
        needs_staff=True, sequence=session.sequence, wanted_start=other_time(session),
    )  # fmt: skip
    before = rows_of(course)
    approve_wish(answer, now=ACTED_AT, by=clerk)
    answer.refresh_from_db()
    assert answer.handled_by == clerk
    undo_change(Change.objects.get(), now=ACTED_AT + MINUTE, by=clerk)
    answer.refresh_from_db()
    assert (rows_of(course), answer.handled_at, answer.handled_how) == (before, None, "")


def test_the_patients_link_and_answer_for_the_time_that_is_back_hold_again(course: Course, clerk: User) -> None:
    session = number(course, 3)
    links = list(PatientLink.objects.filter(session=session).values_list("sequence", flat=True))
    move(course, clerk)
    assert number(course, 3).sequence == 1
    undo_change(Change.objects.get(), now=ACTED_AT + MINUTE, by=clerk)
    assert (number(course, 3).sequence, links) == (0, [0] * len(links))


def test_where_a_calendar_has_read_the_change_meanwhile_the_sequence_only_rises(course: Course, clerk: User) -> None:
    feed = CalendarFeed.objects.create(patient=course.patient, digest="x", created_at=NOW, read_at=ACTED_AT - MINUTE)
    before = number(course, 3).start
    for read_at, expected in ((feed.read_at, 0), (ACTED_AT + MINUTE, 2)):
        move(course, clerk)
        CalendarFeed.objects.update(read_at=read_at)
        undo_change(Change.objects.latest("pk"), now=ACTED_AT + 2 * MINUTE, by=clerk)
        assert (number(course, 3).start, number(course, 3).sequence) == (before, expected)


def test_a_time_given_once_more_after_an_undo_is_told(course: Course, clerk: User) -> None:
    """The second move has the SEQUENCE of the first, and is a message of its own all the same."""
    move(course, clerk)
    undo_change(Change.objects.get(), now=ACTED_AT + MINUTE, by=clerk)
    session = number(course, 3)
    move_session(session, start=other_time(session), now=ACTED_AT + 2 * MINUTE, by=clerk)
    deliver_due(now=ACTED_AT + 30 * MINUTE)
    assert len(mail.outbox) == 1
    assert Announcement.objects.get(session=session).told_start == number(course, 3).start


def test_a_driver_who_had_agreed_has_agreed_again_unasked(patient: Patient, chair: Resource, clerk: User) -> None:
    course = book(patient, sedating=True)
    session = number(course, 3)
    name_driver(session, **BOB, now=TOLD_AT, by=clerk)
    confirm_driver(session, now=TOLD_AT, by=clerk)
    deliver_due(now=TOLD_AT + 20 * MINUTE)
    mail.outbox.clear()
    before, was = rows_of(course), state_of(session)
    for act in (move, cancel):
        act(course, clerk)
        undo_change(Change.objects.latest("pk"), now=ACTED_AT + MINUTE, by=clerk)
        assert (rows_of(course), state_of(session)) == (before, was)
    deliver_due(now=ACTED_AT + 40 * MINUTE)
    assert [message.to for message in mail.outbox] == []
    assert session.pick_ups.get().ended_at is None


@pytest.mark.parametrize("channel", ["phone", "feed"])
def test_who_is_reached_another_way_is_told_nothing(site: Site, chair: Resource, clerk: User, channel: str) -> None:
    fields = {"email": "", "phone": "+1 555 0101"} if channel == "phone" else {"channel": "feed"}
    course = book(factories.make_patient(site=site, **fields))
    Notice.objects.filter(course=course, kind="course_summary").update(status="done", sent_at=TOLD_AT)
    before = rows_of(course)
    cancel(course, clerk)
    said = {row for row in waiting(course) if row[0] == "changes"}
    assert said
    undo_change(Change.objects.get(), now=ACTED_AT + MINUTE, by=clerk)
    assert (rows_of(course), [row for row in waiting(course) if row[0] == "changes"]) == (before, [])


# When it is too late


def test_once_the_message_went_out_nothing_is_undone(course: Course, clerk: User) -> None:
    move(course, clerk)
    deliver_due(now=ACTED_AT + 30 * MINUTE)
    assert len(mail.outbox) == 1
    assert refused(course, clerk, now=ACTED_AT + 31 * MINUTE) == TOLD


def test_a_list_that_tells_of_the_whole_course_counts_as_told(course: Course, clerk: User) -> None:
    move(course, clerk)
    Notice.objects.filter(course=course, kind="course_summary").update(status="sent", sent_at=ACTED_AT + MINUTE)
    assert refused(course, clerk) == TOLD


def test_a_message_about_another_visit_does_not_stand_in_the_way(course: Course, clerk: User) -> None:
    move(course, clerk)
    Notice.objects.filter(session=number(course, 4)).update(status="sent", sent_at=ACTED_AT + MINUTE)
    assert why_not_undo(Change.objects.get(), now=ACTED_AT + 2 * MINUTE) == ""


@pytest.mark.parametrize("fields", [{"status": "sending"}, {"status": "due", "uncertain": True}])
def test_a_message_that_is_being_sent_or_may_have_arrived_counts_as_told(
    course: Course, clerk: User, fields: dict[str, Any]
) -> None:
    move(course, clerk)
    Notice.objects.filter(session=number(course, 3), kind="calendar", status="due").update(**fields)
    Notice.objects.filter(course=course, kind="changes").update(**fields)
    assert refused(course, clerk) == ON_ITS_WAY


def test_what_somebody_has_changed_since_is_not_undone(course: Course, clerk: User) -> None:
    move(course, clerk)
    move_session(number(course, 3), start=other_time(number(course, 3)), now=ACTED_AT + MINUTE, by=clerk)
    last, first = Change.objects.all()
    assert why_not_undo(first, now=ACTED_AT + 2 * MINUTE) == CHANGED_SINCE
    assert why_not_undo(last, now=ACTED_AT + 2 * MINUTE) == ""


def test_two_changes_are_undone_in_turn_the_last_one_first(course: Course, clerk: User) -> None:
    before = rows_of(course)
    move(course, clerk)
    cancel(course, clerk)
    last, first = Change.objects.all()
    undo_change(last, now=ACTED_AT + MINUTE, by=clerk)
    undo_change(first, now=ACTED_AT + 2 * MINUTE, by=clerk)
    assert rows_of(course) == before


def test_an_arrival_at_another_visit_does_not_stand_in_the_way(course: Course, clerk: User) -> None:
    """The course runs now; that follows from its visits and is kept."""
    first = number(course, 1)
    now = first.start + MINUTE
    cancel_session(number(course, 3), reason="asked", now=now, by=clerk)
    mark_arrived(first, now=now + MINUTE, by=clerk)
    undo_change(Change.objects.get(), now=now + 2 * MINUTE, by=clerk)
    course.refresh_from_db()
    assert (course.status, number(course, 3).status) == ("running", "booked")


def test_a_visit_that_has_begun_at_its_new_time_stays_there(course: Course, clerk: User) -> None:
    move(course, clerk)
    assert refused(course, clerk, now=number(course, 3).start) == BEGUN


def test_a_time_that_is_past_is_not_given_back(course: Course, clerk: User) -> None:
    session = number(course, 3)
    cancel(course, clerk)
    assert refused(course, clerk, now=session.start) == PAST


def test_a_seat_that_somebody_took_meanwhile_is_named_and_nothing_is_changed(
    course: Course, chair: Resource, clerk: User, site: Site
) -> None:
    session = number(course, 3)
    cancel(course, clerk)
    other = make_course(patient=factories.make_patient(site=site), version=factories.make_protocol(), status="booked")
    put_session(other, number=1, start=session.start, seats=(chair,))
    when = f"{session.local_start:%B} {session.local_start.day}"
    assert refused(course, clerk).startswith(f"Chair 1 is taken on {when} at ")


def test_a_time_at_which_the_clinic_is_closed_by_now_is_not_given_back(course: Course, clerk: User) -> None:
    session = number(course, 3)
    cancel(course, clerk)
    Closure.objects.create(site=course.site, first_on=session.local_date, last_on=session.local_date, reason="Storm")
    assert refused(course, clerk) == "The site is closed: Storm"


def refused(course: Course, by: User, *, now: datetime = ACTED_AT + MINUTE) -> str:
    """Why the change is not undone; and nothing is different after the attempt."""
    change, before, said = Change.objects.get(), rows_of(course), waiting(course)
    with pytest.raises(BookingRefused) as error:
        undo_change(change, now=now, by=by)
    change.refresh_from_db()
    assert (change.undone_at, rows_of(course), waiting(course)) == (None, before, said)
    return str(error.value)


def test_undoing_twice_is_undoing_once(course: Course, clerk: User, clinician: User) -> None:
    cancel(course, clerk)
    change = Change.objects.get()
    undo_change(change, now=ACTED_AT + MINUTE, by=clerk)
    again = undo_change(change, now=ACTED_AT + 2 * MINUTE, by=clinician)
    assert (again.undone_at, again.undone_by) == (ACTED_AT + MINUTE, clerk)


# What is kept


def test_an_act_that_changes_nothing_keeps_nothing(course: Course, clerk: User) -> None:
    move_session(number(course, 3), start=number(course, 3).start, now=ACTED_AT, by=clerk)
    assert Change.objects.count() == 0


def test_outages_and_closures_recorded_with_an_act_go_with_it(course: Course, chair: Resource, clerk: User) -> None:
    with booking_transaction():
        locked = lock_course(course.pk)
        with recording([locked], kind="outage", summary="Chair 1 out", now=ACTED_AT, by=clerk) as kept:
            kept.outages.append(
                Outage.objects.create(resource=chair, start=at(course.site, 40, 9), end=at(course.site, 41, 9))
            )
            kept.closures.append(Closure.objects.create(site=course.site, first_on=a_day(50), last_on=a_day(50)))
    assert kept.change is not None
    assert (kept.change.outages.count(), kept.change.closures.count()) == (1, 1)
    undo_change(kept.change, now=ACTED_AT + MINUTE, by=clerk)
    assert (Outage.objects.count(), Closure.objects.count()) == (0, 0)


def test_freed_seats_are_those_that_are_free_still_and_lie_ahead(
    course: Course, chair: Resource, clerk: User, site: Site
) -> None:
    session = number(course, 3)
    move(course, clerk)
    change = Change.objects.get()
    moved = number(course, 3)
    end = min(session.end, moved.start) if moved.start > session.start else session.end
    assert freed_spans(change, now=ACTED_AT) == [FreedSpan(chair.pk, 0, session.start, end)]
    outage = Outage.objects.create(resource=chair, start=session.start, end=session.start + 10 * MINUTE)
    assert freed_spans(change, now=ACTED_AT) == [FreedSpan(chair.pk, 0, session.start + 10 * MINUTE, end)]
    outage.delete()
    closed = Closure.objects.create(site=site, first_on=a_day(0), last_on=date.max)  # until further notice
    assert freed_spans(change, now=ACTED_AT) == []
    closed.delete()
    assert freed_spans(change, now=session.end) == []
    undo_change(change, now=ACTED_AT + MINUTE, by=clerk)
    assert freed_spans(change, now=ACTED_AT) == []


@pytest.mark.parametrize(("act", "queries"), [(cancel, QUERIES), (stop, QUERIES + 1)])  # the course is written, too
def test_undoing_one_visit_or_all_takes_the_same_number_of_queries(
    course: Course, clerk: User, django_assert_num_queries: Any, act: Callable[[Course, User], str], queries: int
) -> None:
    act(course, clerk)
    with django_assert_num_queries(queries):
        undo_change(Change.objects.get(), now=ACTED_AT + MINUTE, by=clerk)
