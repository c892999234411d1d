"""One visit moves together with the others that must move for it: as shown, or not at all."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from pytest_django import DjangoAssertNumQueries

from clinic.models import Outage, Patient, PatientAbsence, Resource, Site, User
from protocols.library import load_library
from protocols.models import Need, ProtocolVersion, Stage
from scheduling.attendance import mark_arrived, mark_completed
from scheduling.booking import plan_and_book, request_course
from scheduling.demo.site import make_site
from scheduling.drivers import name_driver
from scheduling.engine import CoursePlan, write_problem, write_result
from scheduling.messages.delivery import deliver_due
from scheduling.models import Course, Driver, Hold, Notice, Session
from scheduling.moving import cancel_session, move_session
from scheduling.planning import alone
from scheduling.posing import let_go, with_course
from scheduling.rearranging import Rearrangement, Shift, propose_move, read_course, rearrange
from scheduling.refusals import BookingRefused
from scheduling.replanning import may_move
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, make_implant, make_tms, mark_booked, put_session
from tests.scheduling.driving import BOB
from tests.scheduling.test_storm import at_once, sort_out

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
JUDGE = Path(__file__).parent.parent / "engine" / "judge" / "verify.py"
PROPOSING, WRITING = 25, 74
WEEKLY = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    """Six visits, two a week, the first tomorrow; 44 hours between them."""
    return book(patient)


def book(patient: Patient, **fields: Any) -> Course:
    version = fields.pop("version", None) or factories.make_protocol(phases=(WEEKLY,))
    booked = plan_and_book(make_course(patient=patient, version=version, **fields).pk, now=NOW)
    assert booked.status == "booked", booked.plan_message
    return booked


def times(course: Course) -> dict[int, datetime]:
    return dict(course.sessions.order_by("number").values_list("number", "start"))


def rows() -> list[Any]:
    return [*Session.objects.order_by("pk").values(), *Hold.objects.order_by("pk").values(), Notice.objects.count()]


def later(session: Session) -> datetime:
    """From Friday to Monday: so near the next visit, on Tuesday, that this must move too."""
    return session.start + timedelta(days=3)


def sooner(session: Session) -> datetime:
    """From Friday to Wednesday: so near the visit before it."""
    return session.start - timedelta(days=2)


def take(session: Session, shown: Rearrangement, *, now: datetime = NOW, **fields: Any) -> list[Session]:
    return rearrange(session, start=shown.start, expected=shown.fingerprint, now=now, **fields)


def judge(course: Course, folder: Path, *, now: datetime) -> list[str]:
    """What the independent judge holds against the course as it is booked now; what is to come is judged."""
    rows, problem = read_course(course, now=now)
    posed = problem.courses[0]
    keys = {key for key, row in rows.items() if may_move(row, problem.now or now)}
    plan = CoursePlan(posed.id, "planned", posed.locked, 0)
    documents = write_problem(with_course(problem, let_go(posed, keys))), write_result(alone(plan))
    paths = [folder / name for name in ("problem.json", "result.json")]
    for path, document in zip(paths, documents, strict=True):
        path.write_text(json.dumps(document))
    ran = subprocess.run([sys.executable, str(JUDGE), *paths], capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    found: list[str] = json.loads(ran.stdout)["violations"]
    return found


# What moves


def test_where_nothing_else_has_to_move_only_the_visit_does(course: Course) -> None:
    second = course.sessions.get(number=2)
    start = second.start + timedelta(hours=1)
    shown = propose_move(second, start=start, now=NOW)
    assert shown == Rearrangement(second.pk, start, (Shift(second.pk, "main", 2, second.start, start),))
    assert (shown.is_possible, shown.others) == (True, ())


def test_the_fewest_others_move_and_are_shown_with_their_old_and_new_times(course: Course, tmp_path: Path) -> None:
    before = times(course)
    second = course.sessions.get(number=2)
    with pytest.raises(BookingRefused, match="does not keep its distance"):
        move_session(second, start=later(second), now=NOW)
    shown = propose_move(second, start=later(second), now=NOW)
    assert [(s.number, s.old_start) for s in shown.shifts] == [(2, before[2]), (3, before[3])]
    told = take(second, shown)
    after = {s.number: s.new_start for s in shown.shifts}
    assert [(row.number, row.start) for row in told] == sorted(after.items(), key=lambda item: item[1])
    assert times(course) == {**before, **after}
    assert judge(course, tmp_path, now=NOW) == []


def test_proposing_writes_nothing(course: Course) -> None:
    before = rows()
    second = course.sessions.get(number=2)
    assert propose_move(second, start=later(second), now=NOW) == propose_move(second, start=later(second), now=NOW)
    assert rows() == before


def test_what_moves_keeps_its_uid_and_raises_its_sequence_and_what_stays_is_left_alone(course: Course) -> None:
    second = course.sessions.get(number=2)
    was = {row.pk: row for row in course.sessions.all()}
    held = {row.pk: list(row.holds.values_list("resource", "seat", "start", "end")) for row in was.values()}
    shown = propose_move(second, start=later(second), now=NOW)
    take(second, shown, now=NOW + MINUTE)
    moved = {shift.session_id for shift in shown.shifts}
    for row in course.sessions.all():
        old = was[row.pk]
        if row.pk in moved:
            assert (row.uid, row.sequence, row.changed_at) == (old.uid, 1, NOW + MINUTE)
            assert (row.end - row.start, row.local_start) == (timedelta(minutes=30), row.start)
            assert [(h.start, h.end) for h in row.holds.all()] == [(row.start, row.end)]
        else:
            assert (row.start, row.sequence, row.changed_at) == (old.start, 0, old.changed_at)
            assert list(row.holds.values_list("resource", "seat", "start", "end")) == held[row.pk]
    assert Hold.objects.count() == 6


def test_the_patient_is_told_of_each_visit_that_moved_and_of_no_other(course: Course) -> None:
    deliver_due(now=NOW + 5 * MINUTE)
    mail.outbox.clear()
    second = course.sessions.get(number=2)
    shown = propose_move(second, start=later(second), now=NOW + 10 * MINUTE)
    assert len(shown.shifts) > 1
    take(second, shown, now=NOW + 10 * MINUTE)
    updates = course.notices.filter(kind="calendar", status="due", due_at__lt=NOW + timedelta(hours=1))
    assert set(updates.values_list("session", flat=True)) == {shift.session_id for shift in shown.shifts}
    deliver_due(now=NOW + timedelta(hours=1))
    assert len(mail.outbox) == len(shown.shifts)


def test_a_visit_put_where_it_is_moves_nothing(course: Course) -> None:
    second = course.sessions.get(number=2)
    before = rows()
    shown = propose_move(second, start=second.start, now=NOW)
    assert (shown.shifts, take(second, shown)) == ((), [])
    assert rows() == before


# On a certain resource


def seats(session: Session) -> list[str]:
    return list(session.holds.values_list("resource__name", flat=True))


def test_a_visit_is_put_on_the_resource_that_was_asked_for(course: Course, site: Site, tmp_path: Path) -> None:
    other = factories.make_resource(site=site, kind="chair", name="Chair 2")
    second = course.sessions.get(number=2)
    start = second.start + timedelta(hours=1)
    shown = propose_move(second, start=start, now=NOW, on=other.pk)
    take(second, shown, on=other.pk)
    second.refresh_from_db()
    assert (second.start, seats(second), second.sequence) == (start, ["Chair 2"], 1)
    assert judge(course, tmp_path, now=NOW) == []


def test_a_visit_on_another_resource_at_its_time_is_told_to_nobody(course: Course, site: Site) -> None:
    other = factories.make_resource(site=site, kind="chair", name="Chair 2")
    second = course.sessions.get(number=2)
    told = Notice.objects.count()
    shown = propose_move(second, start=second.start, now=NOW, on=other.pk)
    assert (shown.is_possible, shown.shifts, take(second, shown, on=other.pk)) == (True, (), [])
    second.refresh_from_db()
    assert (seats(second), second.sequence, Notice.objects.count()) == (["Chair 2"], 0, told)


def test_a_resource_that_is_taken_or_of_no_use_to_the_visit_is_refused(
    course: Course, site: Site, chair: Resource
) -> None:
    second = course.sessions.get(number=2)
    busy = factories.make_resource(site=site, kind="chair", name="Chair 2")
    lamp = factories.make_resource(site=site, kind="lamp", name="Lamp")
    other = make_course(patient=factories.make_patient(site=site), version=course.version)
    put_session(other, number=1, start=second.start, seats=(busy,))
    before = rows()
    for resource in (busy, lamp):
        shown = propose_move(second, start=second.start, now=NOW, on=resource.pk)
        assert [r.message for r in shown.refusals] == ["That place is not free for the whole visit at this time."]
    shown = propose_move(second, start=second.start, now=NOW, on=chair.pk)
    with pytest.raises(BookingRefused, match="That place is not free"):
        take(second, shown, on=busy.pk)
    assert rows() == before


# What never moves


def test_a_visit_that_was_recorded_does_not_move_along(course: Course, clerk: User) -> None:
    first, second = course.sessions.order_by("number")[:2]
    mark_arrived(first, now=first.start, by=clerk)
    mark_completed(first, now=first.end, by=clerk)
    shown = propose_move(second, start=sooner(second), now=first.end)
    assert [r.rule for r in shown.refusals] == ["plan", "gap"]


def test_what_staff_have_set_aside_a_rule_for_stays_where_it_is(course: Course, site: Site) -> None:
    third = course.sessions.get(number=3)
    move_session(third, start=third.start + timedelta(hours=12), now=NOW, override_reason="Works late")
    second = course.sessions.get(number=2)
    shown = propose_move(second, start=later(second), now=NOW)
    assert 3 not in {shift.number for shift in shown.shifts}
    assert not shown.is_possible


def test_a_reason_for_an_override_goes_with_the_time_it_was_given_for(course: Course) -> None:
    second = course.sessions.get(number=2)
    move_session(second, start=second.start + timedelta(hours=12), now=NOW, override_reason="Works late")
    second.refresh_from_db()
    take(second, propose_move(second, start=second.start - timedelta(hours=11), now=NOW))
    assert course.sessions.get(number=2).override_reason == ""


def test_a_date_elsewhere_is_moved_by_the_front_desk_and_stays_when_its_visits_move(
    patient: Patient, site: Site, chair: Resource
) -> None:
    asked = request_course(
        patient=patient, site=site, version=make_implant(weeks=3),
        earliest_start=a_day(4), latest_start=a_day(4), anchor_at=at(site, 4, 21), now=NOW,
    )  # fmt: skip
    course = plan_and_book(asked.pk, now=NOW)
    anchor = course.sessions.get(track__name="surgery")
    shown = propose_move(anchor, start=at(site, 5, 9), now=NOW)
    assert [(r.rule, r.session) for r in shown.refusals] == [("status", "surgery 1")]
    second = course.sessions.get(track__name="follow-up", number=2)
    shown = propose_move(second, start=second.start + timedelta(days=3), now=NOW)
    assert shown.is_possible
    take(second, shown)
    assert course.sessions.get(track__name="surgery").start == anchor.start


def test_a_number_that_was_given_up_stays_where_it_was(course: Course) -> None:
    third, fourth = course.sessions.get(number=3), course.sessions.get(number=4)
    cancel_session(third, reason="Away", now=NOW)
    shown = propose_move(fourth, start=fourth.start + timedelta(hours=2), now=NOW)
    take(fourth, shown)
    assert course.sessions.get(number=3).start == third.start


# Why not


def reasons(shown: Rearrangement) -> list[tuple[str, str]]:
    return [(refusal.rule, refusal.session) for refusal in shown.refusals]


def test_what_speaks_against_the_time_itself_is_said_alone(
    course: Course, site: Site, patient: Patient, chair: Resource
) -> None:
    second = course.sessions.get(number=2)
    late = second.start.replace(hour=2)
    assert reasons(propose_move(second, start=late, now=NOW)) == [("opening", "main 2"), ("seat", "main 2")]
    PatientAbsence.objects.create(patient=patient, start=at(site, 2, 0), end=at(site, 3, 0))
    assert reasons(propose_move(second, start=at(site, 2, 10), now=NOW)) == [("patient", "main 2")]
    Outage.objects.create(resource=chair, start=at(site, 3, 0), end=at(site, 4, 0), reason="Repair")
    shown = propose_move(second, start=at(site, 3, 10), now=NOW)
    assert {r.rule for r in shown.refusals} == {"seat"}
    assert reasons(propose_move(second, start=second.start + timedelta(days=28), now=NOW)) == [("window", "main 2")]
    assert reasons(propose_move(second, start=NOW - MINUTE, now=NOW)) == [("past", "main 2")]


def test_where_the_others_cannot_make_room_that_is_said_first(course: Course) -> None:
    first, second = course.sessions.get(number=1), course.sessions.get(number=2)
    shown = propose_move(second, start=first.start + timedelta(days=1), now=first.end + MINUTE)
    assert shown.refusals[0].message == "The other visits of the course cannot move so that it fits."
    assert [r.rule for r in shown.refusals] == ["plan", "gap"]


def test_no_more_visits_move_than_the_asker_wants(patient: Patient, site: Site) -> None:
    for kind in ("tms_device", "tms_operator"):
        factories.make_resource(site=site, kind=kind)
    course = book(patient, version=make_tms())
    session = course.sessions.get(number=6)
    start = session.start + timedelta(hours=4, minutes=15)
    few = propose_move(session, start=start, now=NOW, most=3)
    assert (few.is_possible, len(few.others)) == (True, 1)
    none = propose_move(session, start=start, now=NOW, most=0)
    assert none.refusals[0].message == "That no more than 0 other visits move is not enough for it to fit."


# As shown, or not at all


def test_what_has_changed_since_it_was_shown_is_refused_and_nothing_is_written(course: Course) -> None:
    second, third = course.sessions.get(number=2), course.sessions.get(number=3)
    shown = propose_move(second, start=later(second), now=NOW)
    move_session(third, start=third.start + timedelta(hours=1), now=NOW)
    before = rows()
    with pytest.raises(BookingRefused, match="not what was shown any more"):
        take(second, shown)
    assert rows() == before


def test_seats_that_others_took_meanwhile_are_not_taken(course: Course, site: Site, chair: Resource) -> None:
    second = course.sessions.get(number=2)
    shown = propose_move(second, start=later(second), now=NOW)
    other = make_course(patient=factories.make_patient(site=site), version=course.version)
    put_session(other, number=1, start=shown.start, seats=(chair,))
    before = rows()
    with pytest.raises(BookingRefused, match="No chair is free"):
        take(second, shown)
    assert rows() == before


def test_the_second_of_two_clerks_is_told_to_look_again(course: Course) -> None:
    second = course.sessions.get(number=2)
    shown = propose_move(second, start=later(second), now=NOW)
    take(second, shown, now=NOW + MINUTE, seen_at=second.changed_at)
    with pytest.raises(BookingRefused, match="Somebody has changed this visit"):
        take(second, shown, now=NOW + 2 * MINUTE, seen_at=second.changed_at)


# This and the following


def test_the_following_visits_move_along_as_after_a_pause(course: Course, tmp_path: Path) -> None:
    before = times(course)
    third = course.sessions.get(number=3)
    start = third.start + timedelta(days=10)
    shown = propose_move(third, start=start, now=NOW, following=True)
    assert [s.number for s in shown.shifts] == [3, 4, 5, 6]
    take(third, shown, following=True)
    after = times(course)
    assert {n: after[n] for n in (1, 2, 3)} == {1: before[1], 2: before[2], 3: start}
    course.refresh_from_db()
    assert course.shift_days == 10
    now = before[2] + timedelta(days=1)
    assert judge(course, tmp_path, now=now) == []


# Sedation, drivers, clocks


def make_sedating() -> ProtocolVersion:
    """An hour of treatment, then two of watching by a monitor post."""
    version = factories.make_protocol(phases=(WEEKLY,), sedating=True, minutes=60, publish=False)
    visit = version.visit_types.get()
    watching = Stage.objects.create(visit_type=visit, position=1, name="Watching", minutes=120)
    Need.objects.create(stage=watching, kind=factories.make_kind("monitor"))
    version.status, version.published_at = "published", NOW
    version.save()
    return version


def test_a_sedating_visit_keeps_its_watching_and_asks_its_driver_again(
    patient: Patient, site: Site, chair: Resource
) -> None:
    factories.make_resource(site=site, kind="monitor", name="Post 1")
    course = book(patient, version=make_sedating())
    second = course.sessions.get(number=2)
    for session in course.sessions.all():
        name_driver(session, **BOB, now=NOW)
    shown = propose_move(second, start=later(second), now=NOW)
    assert len(shown.shifts) > 1
    take(second, shown, now=NOW + MINUTE)
    moved = {shift.session_id for shift in shown.shifts}
    for session in course.sessions.all():
        spans = [(h.resource.name, h.start - session.start, h.end - session.start) for h in session.holds.all()]
        hour = timedelta(hours=1)
        assert spans == [("Chair 1", 0 * hour, hour), ("Post 1", hour, 3 * hour)]
        driver = Driver.objects.get(session=session)
        assert (driver.status, driver.name) == ("named" if session.pk in moved else "confirmed", "Bob Miller")
        assert driver.is_settled == (session.pk not in moved)


@pytest.mark.parametrize(
    ("monday", "hours"),
    [("2027-03-08", -1), ("2027-11-01", 1)],  # the clock is put forward on March 14, back on November 7
)
def test_gaps_are_elapsed_time_across_both_clock_changes(
    monday: str, hours: int, patient: Patient, chair: Resource, site: Site, tmp_path: Path
) -> None:
    """Weekly on Monday: a visit that moves to the end of its week pushes the next, and both keep their wall clock."""
    first = date.fromisoformat(monday)
    weekly = {"periods": 3, "period_days": 7, "per_period": 1, "min_gap_hours": 166, "slip_days": 6}
    now = datetime.combine(first, time(13), UTC) - timedelta(days=7)
    asked = make_course(
        patient=patient, version=factories.make_protocol(phases=(weekly,)), earliest=first, latest=first
    )
    course = plan_and_book(asked.pk, now=now)
    session = course.sessions.get(number=1)
    second = course.sessions.get(number=2)
    assert (second.start - session.start, second.local_time) == (timedelta(days=7, hours=hours), session.local_time)
    start = second.start + timedelta(hours=-hours if hours > 0 else 0, days=1)
    shown = propose_move(second, start=start, now=now)
    take(second, shown, now=now)
    assert judge(course, tmp_path, now=now) == []
    for row in course.sessions.all():
        assert row.local_time == row.start.astimezone(site.zone).time()


# Generated courses


def test_the_judge_finds_no_rule_broken_in_courses_that_were_rearranged(db: None, tmp_path: Path) -> None:
    """Library courses of one and of several tracks, beside each other in the demonstration's clinic."""
    load_library(now=NOW)
    site = make_site(now=NOW)
    codes = ("tms-10hz-short", "spravato-trd", "ketamine-iv-3wk", "tms-weekly-ketamine", "ketamine-tms-window")
    rng, rearranged, sizes = random.Random(4), 0, set()
    for code in codes:
        version = ProtocolVersion.objects.published().get(protocol__code=code)
        course = book(factories.make_patient(site=site), version=version, latest=a_day(28), preferred_time=time(10))
        for session in rng.sample(list(course.sessions.order_by("pk")), 4):
            session.refresh_from_db()
            start = session.start + timedelta(days=rng.choice([-2, -1, 1, 2]), minutes=15 * rng.randrange(-8, 9))
            before, others = times_of(course), others_of(course)
            shown = propose_move(session, start=start, now=NOW)
            if not shown.is_possible:
                assert all(refusal.message for refusal in shown.refusals)
                continue
            take(session, shown)
            assert times_of(course) == {**before, **{s.session_id: s.new_start for s in shown.shifts}}
            assert others_of(course) == others
            assert judge(course, tmp_path, now=NOW) == [], code
            rearranged += 1
            sizes.add(len(shown.shifts))
    assert rearranged >= 6
    assert len(sizes) >= 3


def times_of(course: Course) -> dict[int, datetime]:
    return dict(course.sessions.values_list("pk", "start"))


def others_of(course: Course) -> list[Any]:
    """The rows of every other course."""
    sessions = Session.objects.exclude(course=course).order_by("pk").values()
    return [*sessions, *Hold.objects.exclude(session__course=course).order_by("pk").values()]


# Many at once


ONE_VISIT = ({"periods": 1, "period_days": 14, "per_period": 1, "min_gap_hours": 0},)


def make_daily() -> ProtocolVersion:
    """Three visits on three days, a day and three hours apart at least."""
    daily = {"periods": 1, "period_days": 10, "per_period": 3, "min_gap_hours": 44}
    return factories.make_protocol(phases=(daily,))


@pytest.mark.django_db(transaction=True)
def test_of_ten_patients_who_want_one_last_seat_one_wins_and_nothing_is_half_written(site: Site) -> None:
    chairs = [factories.make_resource(site=site, kind="chair", name=f"Chair {n}") for n in range(10)]
    version, goal, acts, sessions = make_daily(), at(site, 4, 10), [], []
    for chair in chairs:
        course = mark_booked(make_course(patient=factories.make_patient(site=site), version=version))
        put_session(course, number=1, start=at(site, 1, 9), seats=(chair,))
        second = put_session(course, number=2, start=at(site, 3, 9), seats=(chair,))
        put_session(course, number=3, start=at(site, 7, 9), seats=(chair,))
        sessions.append(second)
    for chair in chairs[1:]:
        chair.outages.create(start=at(site, 4, 8), end=at(site, 4, 18))
    for second in sessions:
        # To Friday: neither the visit before nor the one after has to move, for any of them.
        shown = propose_move(second, start=goal, now=NOW)
        assert shown.is_possible
        acts.append(lambda second=second, shown=shown: take(second, shown))
    won, refused = sort_out(at_once(acts))
    assert (len(won), len(refused)) == (1, 9)
    assert {r.rule for error in refused for r in error.refusals} <= {"seat"}
    assert Session.objects.filter(start=goal).count() == Hold.objects.filter(start=goal).count() == 1
    assert Session.objects.filter(start=at(site, 3, 9), sequence=0).count() == 9
    assert Hold.objects.count() == 30


@pytest.mark.django_db(transaction=True)
def test_two_rearrangements_that_need_each_others_seats_end_in_one_whole_and_one_refusal(site: Site) -> None:
    """Both move two visits; the second of each would sit on the one chair that is left."""
    one, two = (factories.make_resource(site=site, kind="chair", name=f"Chair {n}") for n in (1, 2))
    version, acts = make_daily(), []
    for chair in (one, two):
        course = mark_booked(make_course(patient=factories.make_patient(site=site), version=version))
        for number, day in enumerate((1, 3, 7), 1):
            put_session(course, number=number, start=at(site, day, 9), seats=(chair,))
    two.outages.create(start=at(site, 8, 0), end=at(site, 12, 0))
    for session in Session.objects.filter(number=2):
        shown = propose_move(session, start=at(site, 7, 9), now=NOW)
        assert [s.number for s in shown.shifts] == [2, 3]
        acts.append(lambda session=session, shown=shown: take(session, shown))
    before = {row.pk: row.start for row in Session.objects.all()}
    won, refused = sort_out(at_once(acts))
    assert (len(won), len(refused)) == (1, 1)
    loser = Session.objects.exclude(course=won[0][0].course_id)
    assert {row.pk: (row.start, row.sequence) for row in loser} == {row.pk: (before[row.pk], 0) for row in loser}
    assert all(row.holds.count() == 1 for row in Session.objects.all())


# Queries


@pytest.mark.parametrize("visits", [2, 30])
def test_the_number_of_queries_does_not_grow_with_the_course(
    visits: int, patient: Patient, chair: Resource, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    phase = {"periods": visits, "period_days": 7, "per_period": 1, "min_gap_hours": 44, "slip_days": 2}
    course = book(patient, version=factories.make_protocol(phases=(phase,)))
    session = course.sessions.get(number=1)
    start = session.start + timedelta(hours=1)
    with django_assert_num_queries(PROPOSING):
        shown = propose_move(session, start=start, now=NOW)
    assert len(shown.shifts) == 1


@pytest.mark.parametrize("visits", [3, 30])
def test_the_number_of_queries_does_not_grow_with_what_moves(
    visits: int, patient: Patient, chair: Resource, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    phase = {"periods": visits, "period_days": 7, "per_period": 1, "min_gap_hours": 44, "slip_days": 2}
    course = book(patient, version=factories.make_protocol(phases=(phase,)))
    session = Session.objects.select_related("track", "visit_type", "site").get(course=course, number=2)
    shown = propose_move(session, start=session.start + timedelta(days=21), now=NOW, following=True)
    assert len(shown.shifts) == visits - 1
    with django_assert_num_queries(WRITING):
        take(session, shown, following=True)
