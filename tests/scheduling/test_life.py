"""Whatever happens to a course, one thing after another: no rule is broken, and its numbers stay in their order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clinic.models import Site
from scheduling.adding import add_visit, propose_added
from scheduling.attendance import mark_arrived, mark_completed, mark_missed
from scheduling.booking import plan_and_book
from scheduling.course_change import CourseChange
from scheduling.extension import extend_course
from scheduling.models import Course, CourseStatus, Hold, Session, SessionStatus
from scheduling.pausing import pause_course, propose_pause, propose_resume, resume_course
from scheduling.rhythm import propose_rhythm, rhythm_choices, set_rhythm
from scheduling.skipping import propose_skip, skip_session
from tests import factories
from tests.factories import NOW
from tests.scheduling.calendar import make_course
from tests.scheduling.living import broken_rules
from tests.scheduling.test_rhythm import OPEN, TWICE, WEEKLY

WINDOW = 3
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A life takes seconds to live."""
Act = tuple[str, int, int]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["pause", "set aside", "resume", "skip", "add", "rhythm", "attend", "miss", "extend"]),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    min_size=2,
    max_size=6,
)


class Undone(Exception):
    """Takes a drawn life back."""


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=10, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS, is_open=st.booleans())
def test_no_rule_is_broken_whatever_happens_to_a_course(site: Site, acts: list[Act], is_open: bool) -> None:
    try:
        with transaction.atomic():
            live(site, acts, is_open)
            raise Undone
    except Undone:
        pass


def live(site: Site, acts: list[Act], is_open: bool) -> None:
    factories.make_resource(site=site, kind="chair")
    version = factories.make_protocol(phases=(TWICE, WEEKLY, OPEN) if is_open else (TWICE, WEEKLY))
    course = plan_and_book(make_course(patient=factories.make_patient(site=site), version=version).pk, now=NOW)
    now = NOW
    for name, one, two in acts:
        now = do(course, name, one, two, now)
        course.refresh_from_db()
        judge(course, now)


def judge(course: Course, now: datetime) -> None:
    """Given is what lies before a pause: across it no gap is asked for."""
    since = datetime.combine(course.paused_on, time(0), course.site.zone) if course.paused_on else None
    broken = broken_rules(course, now=now, since=since)
    if course.sessions.filter(status=SessionStatus.MISSED).exists():
        # What keeps its time when a miss is closed up may lie outside the window of its new number.
        broken = [violation for violation in broken if violation.rule != WINDOW]
    assert broken == []
    live_rows = course.sessions.live().order_by("number")
    assert [row.start for row in live_rows] == sorted(row.start for row in live_rows)
    to_come = course.sessions.to_come(now=now)
    if course.paused_on and course.paused_until:
        assert not to_come.filter(local_date__range=(course.paused_on, course.paused_until)).exists()
    assert Hold.objects.filter(session__course=course).count() == live_rows.count()
    if course.status == CourseStatus.PAUSED:
        assert not to_come.filter(local_date__gte=course.paused_on).exists()


def do(course: Course, name: str, one: int, two: int, now: datetime) -> datetime:
    """One act, as it was shown, where it is possible; the time after it."""
    today = now.astimezone(course.site.zone).date()
    first = today + timedelta(days=3 * one)
    match name:
        case "pause":
            days: dict[str, Any] = {"first_on": first, "last_on": first + timedelta(days=3 * two)}
            _act(course, propose_pause, pause_course, now, after={"reason": ""}, **days)
        case "set aside":
            _act(course, propose_pause, pause_course, now, after={"reason": ""}, first_on=first, last_on=None)
        case "resume" if course.status == CourseStatus.PAUSED:
            _act(course, propose_resume, resume_course, now, on=first)
        case "add":
            _act(course, propose_added, add_visit, now, track="main")
        case "rhythm":
            choices = rhythm_choices(course)
            if choices:
                choice = choices[one % len(choices)]
                often: dict[str, Any] = {"per_period": choice.per_period, "period_days": choice.period_days}
                _act(course, propose_rhythm, set_rhythm, now, **often)
        case "skip":
            to_come = list(course.sessions.to_come(now=now).order_by("start"))
            if to_come:
                _act(to_come[one % len(to_come)], propose_skip, skip_session, now)
        case "extend":
            extend_course(course.pk, now=now)
        case "attend" | "miss":
            return _record(course, name == "miss", one, now)
    return now


def _act(
    thing: Course | Session,
    propose: Callable[..., CourseChange],
    act: Callable[..., Any],
    now: datetime,
    after: dict[str, Any] | None = None,
    **asked: Any,
) -> None:
    shown = propose(thing, **asked, now=now)
    if shown.is_possible:
        act(thing, **asked, **(after or {}), expected=shown.fingerprint, now=now, by=None)


def _record(course: Course, is_missed: bool, count: int, now: datetime) -> datetime:
    """The next visits are over, the last of them missed or not."""
    for session in list(course.sessions.to_come(now=now).order_by("start")[: 1 + count % 4]):
        now = session.end
        session.refresh_from_db()
        if session.status != SessionStatus.BOOKED:
            continue
        if is_missed:
            mark_missed(session, reason="no_show", now=now, by=None)
            break
        mark_arrived(session, now=now, by=None)
        mark_completed(session, now=now, by=None)
    return now
