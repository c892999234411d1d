"""Applying a replanning: all that was shown in one transaction, each patient told once, undone without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction

from clinic.models import Closure, Outage, Resource, Site, User
from scheduling.changes import freed_spans, undo_change, why_not_undo
from scheduling.disruptions.answer import Replanning, propose_replanning
from scheduling.disruptions.applying import BEGUN, CHANGED, TWICE, Agreed, AgreedMove, agree, apply_replanning
from scheduling.disruptions.question import Disruption, Span
from scheduling.engine import PlacedHold
from scheduling.messages.delivery import deliver_due
from scheduling.models import Change, Course, Notice, Session
from scheduling.moving import cancel_session
from scheduling.refusals import BookingRefused
from scheduling.row_states import read_courses, read_sessions
from tests import factories
from tests.factories import NOW
from tests.scheduling.background import wait_for
from tests.scheduling.calendar import at, make_course, make_tms, mark_booked, put_session
from tests.scheduling.disruptions.busy_site import fill_site
from tests.scheduling.disruptions.judged import judge_booked, judge_proposal
from tests.scheduling.disruptions.test_proposing import ONCE, book
from tests.scheduling.test_storm import at_once, sort_out

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[3]
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def device(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="tms_device", name="TMS 1")


@pytest.fixture
def courses(site: Site, device: Resource) -> list[Course]:
    """Three patients who come each weekday, all on one device."""
    factories.make_resource(site=site, kind="tms_operator", name="Ann", seats=2)
    version = make_tms()
    booked = [book(factories.make_patient(site=site), version) for _ in range(3)]
    deliver_due(now=LATER - 30 * MINUTE)
    return booked


@pytest.fixture
def disruption(device: Resource) -> Disruption:
    """The device is out on Monday and Tuesday in two weeks."""
    site = device.site
    return Disruption(site, (Span(device, at(site, 14, 0), at(site, 16, 0)),), reason="Coil broken")


def apply(found: Replanning, *, now: datetime, by: User | None = None, only: Collection[int] | None = None) -> Change:
    agreed = [agree(answer) for answer in found.placed if only is None or answer.course.pk in only]
    change = apply_replanning(found.disruption, agreed, now=now, by=by)
    assert change is not None
    return change


def rows() -> tuple[object, ...]:
    """Every course and visit with its seats, but for what only counts writings."""
    sessions = read_sessions(Session.objects.order_by("pk"))
    for state in sessions.values():
        del state["changed_at"], state["sequence"]
    return read_courses(list(Course.objects.values_list("pk", flat=True))), sessions, Outage.objects.count()


def messages() -> Counter[tuple[object, ...]]:
    """What is due or was sent, to whom, about which visit; not what has no more to say."""
    there = Notice.objects.exclude(status="skipped")
    return Counter(there.values_list("kind", "status", "course", "session"))


def test_apply_moves_what_was_shown_and_tells_each_patient_once(
    courses: list[Course], disruption: Disruption, clerk: User, tmp_path: Path
) -> None:
    was = {row.pk: row for row in Session.objects.all()}
    found = propose_replanning(disruption, now=LATER)
    assert (len(found.hit), found.moved, found.least, found.is_fewest) == (6, 6, 6, True)
    change = apply(found, now=LATER, by=clerk)
    shown = {move.session.pk: move for answer in found.answers for move in answer.moves}
    for row in Session.objects.prefetch_related("holds"):
        move, before = shown.get(row.pk), was[row.pk]
        assert row.uid == before.uid
        if move is None:
            assert (row.start, row.number, row.sequence) == (before.start, before.number, before.sequence)
        else:
            assert (row.start, row.number) == (move.start, move.number)
            assert row.sequence == before.sequence + move.is_moved
            assert [(str(hold.resource_id), hold.seat) for hold in row.holds.all()] == [
                (hold.resource, hold.seat) for hold in move.holds
            ]
    [outage] = Outage.objects.all()
    assert (outage.resource.name, outage.reason) == ("TMS 1", "Coil broken")
    assert (change.kind, change.made_by, list(change.outages.all())) == ("outage", clerk, [outage])
    assert change.summary == "TMS 1 out from Mon, Dec 7 through Tue, Dec 8"
    due = Notice.objects.filter(status="due", kind="changes").values_list("course", flat=True)
    assert sorted(due) == [course.pk for course in courses]
    assert judge_booked(courses, begins=at(disruption.site, 14, 0), now=LATER, folder=tmp_path) == []
    assert propose_replanning(Disruption(disruption.site), now=LATER).hit == ()


def test_undo_leaves_the_rows_as_they_were_and_nobody_is_told(
    courses: list[Course], disruption: Disruption, clerk: User
) -> None:
    before, said = rows(), messages()
    change = apply(propose_replanning(disruption, now=LATER), now=LATER, by=clerk)
    assert rows() != before
    assert len(freed_spans(change, now=LATER)) > 0
    assert why_not_undo(change, now=LATER + MINUTE) == ""
    undo_change(change, now=LATER + MINUTE, by=clerk)
    assert rows() == before
    assert messages() == said
    deliver_due(now=LATER + timedelta(hours=1))
    assert Notice.objects.filter(kind="changes", status="sent").count() == 0


def test_once_a_patient_has_been_told_it_is_not_undone(
    courses: list[Course], disruption: Disruption, clerk: User
) -> None:
    change = apply(propose_replanning(disruption, now=LATER), now=LATER, by=clerk)
    deliver_due(now=LATER + timedelta(minutes=5))
    after = rows()
    with pytest.raises(BookingRefused, match="has been told"):
        undo_change(change, now=LATER + timedelta(minutes=6), by=clerk)
    assert rows() == after


def test_only_the_chosen_courses_move_and_the_others_are_planned_later(
    courses: list[Course], disruption: Disruption, clerk: User
) -> None:
    found = propose_replanning(disruption, now=LATER)
    chosen = courses[1].pk
    apply(found, now=LATER, by=clerk, only={chosen})
    assert {s.course_id for s in propose_replanning(Disruption(disruption.site), now=LATER).hit} == {
        course.pk for course in courses if course.pk != chosen
    }
    apply(propose_replanning(Disruption(disruption.site), now=LATER), now=LATER + MINUTE, by=clerk)
    assert propose_replanning(Disruption(disruption.site), now=LATER).hit == ()
    assert list(Change.objects.order_by("pk").values_list("kind", flat=True)) == ["outage", "replanned"]


def test_an_outage_may_be_written_down_without_moving_anybody(courses: list[Course], disruption: Disruption) -> None:
    before = rows()[1]
    change = apply_replanning(disruption, [], now=LATER)
    assert rows()[1] == before
    assert change is not None
    assert (change.courses.count(), list(change.outages.all())) == (0, list(Outage.objects.all()))


def test_a_closure_is_written_down_with_its_change_and_goes_with_it(courses: list[Course], site: Site) -> None:
    before = rows()
    day = at(site, 14, 12).date()
    change = apply(propose_replanning(Disruption(site, closed=(day, day), reason="Painters"), now=LATER), now=LATER)
    [closure] = Closure.objects.all()
    assert (closure.first_on, closure.last_on, closure.reason, change.kind) == (day, day, "Painters", "closure")
    undo_change(change, now=LATER + MINUTE, by=None)
    assert (rows(), Closure.objects.count()) == (before, 0)


def test_visits_that_somebody_has_changed_since_are_refused_and_nothing_is_written(
    courses: list[Course], disruption: Disruption, clerk: User
) -> None:
    found = propose_replanning(disruption, now=LATER)
    hit = found.answers[0].hit[0]
    cancel_session(hit, reason="asked", now=LATER, by=clerk)
    before = rows()
    with pytest.raises(BookingRefused, match=CHANGED):
        apply(found, now=LATER + MINUTE, by=clerk)
    assert rows() == before


def test_a_visit_that_has_begun_since_it_was_shown_is_not_moved(site: Site, device: Resource, clerk: User) -> None:
    """The patient may sit there, although nobody has recorded it."""
    course = mark_booked(
        make_course(
            patient=factories.make_patient(site=site),
            version=factories.make_protocol(phases=(ONCE,), needs=("tms_device",)),
        )
    )
    visit = put_session(course, number=1, start=at(site, 1, 9), seats=(device,))
    disruption = Disruption(site, (Span(device, at(site, 1, 8), at(site, 2, 0)),))
    found = propose_replanning(disruption, now=visit.start - 5 * MINUTE)
    assert found.moved == 1
    before = rows()
    with pytest.raises(BookingRefused, match=BEGUN):
        apply(found, now=visit.start + MINUTE, by=clerk)
    assert rows() == before


def test_two_courses_trade_seats_and_undoing_trades_them_back(site: Site, clerk: User) -> None:
    """Each goes where the other one is: both leave before either comes."""
    chair = factories.make_resource(site=site, kind="chair", name="Chair 1")
    version = factories.make_protocol(phases=(ONCE,))
    times = [at(site, 2, 9), at(site, 2, 10)]
    visits = []
    for start in times:
        course = mark_booked(make_course(patient=factories.make_patient(site=site), version=version))
        visits.append(put_session(course, number=1, start=start, seats=(chair,)))
    before = rows()
    seat = PlacedHold("chair", str(chair.pk), 0)
    agreed = [
        Agreed(visit.course_id, None, (AgreedMove(visit.pk, visit.changed_at, 1, start, (seat,)),))
        for visit, start in zip(visits, reversed(times), strict=True)
    ]
    change = apply_replanning(Disruption(site), agreed, now=LATER, by=clerk)
    assert change is not None
    assert [Session.objects.get(pk=visit.pk).start for visit in visits] == [*reversed(times)]
    assert [[hold.start for hold in visit.holds.all()] for visit in visits] == [[start] for start in reversed(times)]
    undo_change(change, now=LATER + MINUTE, by=clerk)
    assert rows() == before


def test_two_courses_of_one_patient_never_put_them_in_two_places_at_once(site: Site, clerk: User) -> None:
    """Both visits of Wednesday go to another day, on which either chair is free at the preferred time."""
    chairs = [factories.make_resource(site=site, kind="chair", name=f"Chair {n}") for n in (1, 2)]
    patient, version = factories.make_patient(site=site), factories.make_protocol(phases=(ONCE,))
    for number, chair in enumerate(chairs):
        course = mark_booked(make_course(patient=patient, version=version))
        put_session(course, number=1, start=at(site, 2, 9, 30 * number), seats=(chair,))
    day = at(site, 2, 9).date()
    found = propose_replanning(Disruption(site, closed=(day, day)), now=LATER)
    assert (len(found.placed), found.moved) == (2, 2)
    apply(found, now=LATER, by=clerk)
    starts = [row.start for row in Session.objects.order_by("start")]
    assert starts[1] - starts[0] >= timedelta(minutes=30)


def test_two_daily_courses_of_one_patient_end_side_by_side(site: Site, clerk: User) -> None:
    """What has to go is put at the end of each, one course after the other."""
    for number in (1, 2):
        factories.make_resource(site=site, kind="tms_device", name=f"TMS {number}")
        factories.make_resource(site=site, kind="tms_operator", name=f"Operator {number}")
    patient = factories.make_patient(site=site)
    courses = [book(patient, make_tms()) for _ in range(2)]
    deliver_due(now=LATER - 30 * MINUTE)
    day = at(site, 14, 12).date()
    assert [course.sessions.filter(local_date=day).count() for course in courses] == [1, 1]
    found = propose_replanning(Disruption(site, closed=(day, day)), now=LATER)
    assert (len(found.placed), found.moved) == (2, 2)
    apply(found, now=LATER, by=clerk)
    assert Session.objects.filter(local_date=day).count() == 0


def test_seats_that_were_taken_since_are_refused_and_nothing_is_written(
    courses: list[Course], disruption: Disruption, site: Site, device: Resource, clerk: User
) -> None:
    found = propose_replanning(disruption, now=LATER)
    end = max(move.start for answer in found.answers for move in answer.moved)
    Outage.objects.create(resource=device, start=end, end=end + timedelta(hours=1))
    before = rows()
    with pytest.raises(BookingRefused, match="TMS 1 is not available"):
        apply(found, now=LATER + MINUTE, by=clerk)
    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_of_two_clerks_at_once_the_second_is_refused(
    courses: list[Course], disruption: Disruption, clerk: User, clinician: User
) -> None:
    found = propose_replanning(disruption, now=LATER)
    won, refused = sort_out(at_once([partial(apply, found, now=LATER, by=by) for by in (clerk, clinician)]))
    assert (len(won), len(refused)) == (1, 1)
    assert str(refused[0]) in {CHANGED, TWICE}
    assert (Outage.objects.count(), Change.objects.filter(kind="outage").count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_in_the_middle_of_applying_leaves_nothing(
    courses: list[Course], disruption: Disruption
) -> None:
    """It has moved the visits of one course and waits to queue the message, when it is killed."""
    before, said = rows(), messages()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("lock table scheduling_notice in share row exclusive mode")
        applier = subprocess.Popen(
            [sys.executable, "-m", "tests.scheduling.disruptions.applier", connection.settings_dict["NAME"]],
            cwd=ROOT,
            env=dict(os.environ),
        )
        wait_for(lambda: is_waiting_for_notices() or applier.poll() is not None, why="it did not get so far")
        assert applier.poll() is None
        applier.send_signal(signal.SIGKILL)
        assert applier.wait(10) == -signal.SIGKILL
    wait_for(lambda: not is_waiting_for_notices(), why="its connection stayed")
    time.sleep(0.2)
    assert (rows(), messages(), Change.objects.filter(kind="outage").count()) == (before, said, 0)
    apply(propose_replanning(disruption, now=LATER), now=LATER)


def is_waiting_for_notices() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted and relation = 'scheduling_notice'::regclass")
        return bool(cursor.fetchone()[0])


def test_two_days_without_a_device_at_a_site_with_sixty_running_courses(db: None, tmp_path: Path) -> None:
    """Under five seconds of computing, no rule broken, the fewest moves proven; applied, judged again, and undone."""
    site = fill_site(courses=60, now=NOW)
    clerk = factories.make_user(sites=(site,))
    assert {status for status, _ in Course.objects.values_list("status", "plan_message")} == {"booked", "running"}
    assert Course.objects.filter(status__in=["booked", "running"]).count() == 60
    device = Resource.objects.get(site=site, name="TMS A (figure-8)")
    before = rows()
    began = time.process_time()
    found = propose_replanning(Disruption(site, (Span(device, at(site, 1, 0), at(site, 3, 0)),)), now=NOW)
    took = time.process_time() - began
    assert len(found.hit) >= 15
    assert (found.unplaced, found.moved, found.is_fewest) == ((), found.least, True)
    assert judge_proposal(found, tmp_path)["violations"] == []
    assert took < 5
    change = apply(found, now=NOW, by=clerk)
    courses = [answer.course for answer in found.answers]
    assert judge_booked(courses, begins=at(site, 1, 0), now=NOW, folder=tmp_path) == []
    assert propose_replanning(Disruption(site), now=NOW).hit == ()
    undo_change(change, now=NOW + MINUTE, by=clerk)
    assert rows() == before
