"""Which visits a disruption hits, and where they go: the fewest that must move, no rule broken, nothing written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from clinic.models import Closure, ExtraOpening, Outage, Patient, Resource, Site
from protocols.models import ProtocolVersion
from scheduling.booking import plan_and_book
from scheduling.disruptions.answer import Replanning, propose_replanning
from scheduling.disruptions.question import Disruption, Span, find_hit
from scheduling.models import Course, Hold, Notice, Session
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at, make_course, make_tms, mark_booked, put_session
from tests.scheduling.disruptions.judged import judge_proposal

pytestmark = pytest.mark.django_db
TWICE = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}
ONCE = {"periods": 1, "period_days": 3, "per_period": 1, "min_gap_hours": 0}


@pytest.fixture
def chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 1")


@pytest.fixture
def other_chair(site: Site) -> Resource:
    return factories.make_resource(site=site, kind="chair", name="Chair 2")


@pytest.fixture
def course(patient: Patient, chair: Resource) -> Course:
    return book(patient)


def book(patient: Patient, version: ProtocolVersion | None = None) -> Course:
    version = version or factories.make_protocol(phases=(TWICE,))
    booked = plan_and_book(make_course(patient=patient, version=version).pk, now=NOW)
    assert booked.status == "booked", booked.plan_message
    return booked


def out(resource: Resource, start: datetime, end: datetime) -> Disruption:
    return Disruption(resource.site, (Span(resource, start, end),))


def out_on_day_of(session: Session, resource: Resource) -> Disruption:
    day = (session.local_date - a_day()).days
    return out(resource, at(resource.site, day, 0), at(resource.site, day + 1, 0))


def moves(found: Replanning) -> list[tuple[int, int, datetime, datetime]]:
    return [
        (move.session.number, move.number, move.session.start, move.start)
        for answer in found.answers
        for move in answer.moves
    ]


def rows() -> list[object]:
    return [
        *Session.objects.order_by("pk").values(),
        *Hold.objects.order_by("pk").values(),
        *Course.objects.order_by("pk").values(),
        *Notice.objects.order_by("pk").values(),
        *Outage.objects.values(),
        *Closure.objects.values(),
    ]


# Which visits


def test_an_outage_hits_the_booked_visits_that_hold_a_seat_of_it_then(course: Course, chair: Resource) -> None:
    first, second = course.sessions.order_by("start")[:2]
    assert find_hit(out(chair, first.start, first.end), now=NOW) == [first]
    assert find_hit(out(chair, first.end, second.start), now=NOW) == []
    assert find_hit(out(chair, first.start, second.end), now=NOW) == [first, second]
    Session.objects.filter(pk=first.pk).update(status="cancelled")
    assert find_hit(out(chair, first.start, second.end), now=NOW) == [second]


def test_a_closure_hits_the_visits_of_its_dates_but_not_those_in_an_extra_opening(course: Course, site: Site) -> None:
    first, second = course.sessions.order_by("start")[:2]
    closed = Disruption(site, closed=(first.local_date, second.local_date))
    assert find_hit(closed, now=NOW) == [first, second]
    begins, ends = first.local_start.time(), (first.local_start + timedelta(minutes=30)).time()
    ExtraOpening.objects.create(site=site, date=first.local_date, opens_at=begins, closes_at=ends)
    assert find_hit(closed, now=NOW) == [second]


def test_without_anything_new_those_that_have_no_place_already_are_planned(course: Course, site: Site) -> None:
    third = course.sessions.get(number=3)
    assert propose_replanning(Disruption(site), now=NOW) == Replanning(Disruption(site))
    Closure.objects.create(site=site, first_on=third.local_date, last_on=third.local_date)
    found = propose_replanning(Disruption(site), now=NOW)
    assert [(number, was) for number, _, was, _ in moves(found)] == [(3, third.start)]
    assert (found.moved, found.least, found.is_fewest) == (1, 1, True)


# Where they go


def test_a_visit_takes_a_free_seat_at_its_time_and_nobody_has_to_be_told(
    course: Course, chair: Resource, other_chair: Resource
) -> None:
    second = course.sessions.get(number=2)
    found = propose_replanning(out_on_day_of(second, chair), now=NOW)
    [move] = found.answers[0].moves
    assert (move.session, move.start, move.is_moved) == (second, second.start, False)
    assert [hold.resource for hold in move.holds] == [str(other_chair.pk)]
    assert (found.moved, found.least, found.unplaced) == (0, 0, ())


def test_where_only_part_of_a_day_is_out_the_visit_stays_on_its_day(course: Course, chair: Resource) -> None:
    second = course.sessions.get(number=2)
    found = propose_replanning(out(chair, second.start, second.end), now=NOW)
    [(number, _, was, new)] = moves(found)
    assert (number, was) == (2, second.start)
    assert new.astimezone(second.site.zone).date() == second.local_date


def test_of_a_visit_each_weekday_the_ones_hit_go_to_the_end_and_all_others_keep_their_times(
    patient: Patient, site: Site, tmp_path: Path
) -> None:
    device = factories.make_resource(site=site, kind="tms_device", name="TMS 1")
    factories.make_resource(site=site, kind="tms_operator", name="Ann")
    course = book(patient, make_tms())
    starts = dict(course.sessions.values_list("number", "start"))
    hit = course.sessions.get(number=7)
    found = propose_replanning(out_on_day_of(hit, device), now=NOW)
    by_old = {was: (new_number, new) for _, new_number, was, new in moves(found)}
    end = by_old.pop(hit.start)
    assert end[0] == 36
    assert end[1] > max(starts.values())
    assert by_old == {starts[number]: (number - 1, starts[number]) for number in range(8, 37)}
    assert (found.moved, found.least, found.is_fewest, found.answers[0].others) == (1, 1, True, ())
    assert judge_proposal(found, tmp_path)["violations"] == []


def test_a_visit_within_the_lead_time_may_sit_elsewhere_but_nobody_is_asked_to_come_sooner_than_it(
    patient: Patient, site: Site, chair: Resource
) -> None:
    """It begins before the days that were asked for, which nobody holds against a visit that is booked so."""
    course = mark_booked(make_course(patient=patient, version=factories.make_protocol(phases=(ONCE,))))
    session = put_session(course, number=1, start=at(site, 0, 9), seats=(chair,))
    found = propose_replanning(out_on_day_of(session, chair), now=NOW)
    [(_, _, _, new)] = moves(found)
    assert new >= NOW + timedelta(minutes=site.lead_minutes)
    other = factories.make_resource(site=site, kind="chair", name="Chair 2")
    found = propose_replanning(out_on_day_of(session, chair), now=NOW)
    [move] = found.answers[0].moves
    assert (move.start, [hold.resource for hold in move.holds]) == (session.start, [str(other.pk)])


def test_a_visit_that_has_begun_is_named_and_left_alone(course: Course, chair: Resource) -> None:
    first = course.sessions.earliest("start")
    now = first.start + timedelta(minutes=5)
    Session.objects.filter(pk=first.pk).update(status="arrived")
    found = propose_replanning(out(chair, now, first.end + timedelta(minutes=1)), now=now)
    assert ([session.pk for session in found.under_way], found.answers) == ([first.pk], ())


def test_what_cannot_be_placed_is_said_with_what_would_help(patient: Patient, site: Site, chair: Resource) -> None:
    course = mark_booked(make_course(patient=patient, version=factories.make_protocol(phases=(ONCE,))))
    Course.objects.filter(pk=course.pk).update(latest_start=a_day(2), availability={"wed": [["09:00", "10:00"]]})
    session = put_session(course, number=1, start=at(site, 2, 9), seats=(chair,))
    found = propose_replanning(out_on_day_of(session, chair), now=NOW)
    [answer] = found.unplaced
    assert answer.hit == (session,)
    assert answer.why.startswith("No chair is free for the visit") or "chair" in answer.why
    assert "add one more chair" in answer.why


def test_only_some_courses_are_planned_and_the_others_keep_what_they_have(site: Site, chair: Resource) -> None:
    version = factories.make_protocol(phases=(ONCE,))
    courses = [mark_booked(make_course(patient=factories.make_patient(site=site), version=version)) for _ in range(3)]
    for number, course in enumerate(courses):
        put_session(course, number=1, start=at(site, 2, 9 + number), seats=(chair,))
    disruption = out(chair, at(site, 2, 0), at(site, 3, 0))
    found = propose_replanning(disruption, now=NOW, only=[courses[1].pk])
    assert [answer.course for answer in found.answers] == [courses[1]]
    assert len(found.hit) == 3


def test_proposing_writes_nothing_and_gives_the_same_again(course: Course, chair: Resource) -> None:
    before = rows()
    disruption = out_on_day_of(course.sessions.get(number=2), chair)
    assert propose_replanning(disruption, now=NOW) == propose_replanning(disruption, now=NOW)
    assert rows() == before


# The fewest


@pytest.mark.parametrize("seed", range(12))
def test_no_more_visits_move_than_brute_force_finds(site: Site, seed: int, tmp_path: Path) -> None:
    """Visits of one track each on three chairs, one of which is out: tried are all ways to seat those that stay."""
    dice = random.Random(seed)
    chairs = [factories.make_resource(site=site, kind="chair", name=f"Chair {n}") for n in (1, 2, 3)]
    version = factories.make_protocol(phases=(ONCE,))
    spans = {chair.pk: fill_day(site, chair, version, dice) for chair in chairs}
    hit = spans.pop(chairs[0].pk)
    found = propose_replanning(out(chairs[0], at(site, 1, 0), at(site, 2, 0)), now=NOW)
    assert found.unplaced == ()
    assert found.moved == len(hit) - most_that_stay(hit, list(spans.values()))
    assert found.least <= found.moved
    assert judge_proposal(found, tmp_path)["violations"] == []


def fill_day(site: Site, chair: Resource, version: ProtocolVersion, dice: random.Random) -> list[tuple[int, int]]:
    """Visits of half an hour on one day, at random quarters, none over another."""
    taken: list[tuple[int, int]] = []
    for quarter in dice.sample(range(2, 34), 9):
        if all(quarter + 2 <= begin or end <= quarter for begin, end in taken):
            patient = factories.make_patient(site=site)
            course = mark_booked(make_course(patient=patient, version=version))
            start = at(site, 1, 8) + quarter * timedelta(minutes=15)
            put_session(course, number=1, start=start, seats=(chair,))
            taken.append((quarter, quarter + 2))
    return taken


def most_that_stay(hit: Sequence[tuple[int, int]], chairs: list[list[tuple[int, int]]]) -> int:
    """Each visit that is hit goes to a chair that is free then, or moves: the best of all ways."""
    if not hit:
        return 0
    first, rest = hit[0], hit[1:]
    best = most_that_stay(rest, chairs)
    for index, taken in enumerate(chairs):
        if all(end <= first[0] or first[1] <= begin for begin, end in taken):
            with_it = [*chairs[:index], [*taken, first], *chairs[index + 1 :]]
            best = max(best, 1 + most_that_stay(rest, with_it))
    return best


def days(first: int, last: int) -> tuple[date, date]:
    return a_day(first), a_day(last)


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_closure_moves_each_visit_that_it_hits_once_and_no_other(
    patient: Patient, site: Site, length: int, tmp_path: Path
) -> None:
    factories.make_resource(site=site, kind="tms_device", name="TMS 1")
    factories.make_resource(site=site, kind="tms_operator", name="Ann")
    course = book(patient, make_tms())
    disruption = Disruption(site, closed=days(15, 15 + length - 1))
    found = propose_replanning(disruption, now=NOW)
    hit = course.sessions.filter(local_date__range=disruption.closed).count()
    assert (len(found.hit), found.moved, found.least) == (hit, hit, hit)
    assert judge_proposal(found, tmp_path)["violations"] == []
