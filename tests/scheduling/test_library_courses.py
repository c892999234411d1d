"""Every protocol of the library, planned and booked in the demonstration's clinic, before an independent judge."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clinic.models import Site
from protocols.holds import visit_holds
from protocols.library import load_library
from protocols.models import ProtocolVersion
from protocols.models.visit import Place
from scheduling.attendance import mark_missed
from scheduling.booking import book_course, request_course
from scheduling.demo.site import make_site
from scheduling.engine import write_problem, write_result
from scheduling.models import Course, CourseStatus, Hold, Session
from scheduling.moving import move_session
from scheduling.planning import Proposal, propose_course
from tests import factories
from tests.factories import NOW, a_day

pytestmark = pytest.mark.django_db
JUDGE = Path(__file__).parent.parent / "engine" / "judge" / "verify.py"


@pytest.fixture
def clinic(db: None) -> Site:
    load_library(now=NOW)
    return make_site(now=NOW)


def ask(site: Site, version: ProtocolVersion) -> Course:
    first = version.tracks.order_by("position")[0]
    anchor = None
    if first.visit_type.place == Place.EXTERNAL:
        anchor = datetime.combine(a_day(10), datetime.min.time(), site.zone) + timedelta(hours=10)
    return request_course(
        patient=factories.make_patient(site=site),
        site=site,
        version=version,
        earliest_start=a_day(1),
        latest_start=a_day(28),
        preferred_time=datetime.min.time().replace(hour=10),
        now=NOW,
        anchor_at=anchor,
    )


def judge(proposal: Proposal, folder: Path) -> dict[str, Any]:
    problem, result = folder / "problem.json", folder / "result.json"
    problem.write_text(json.dumps(write_problem(proposal.problem)))
    result.write_text(json.dumps(write_result(proposal.result)))
    ran = subprocess.run([sys.executable, str(JUDGE), problem, result], capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    verdict: dict[str, Any] = json.loads(ran.stdout)
    return verdict


def test_the_judge_accepts_every_library_course_planned_from_rows(clinic: Site, tmp_path: Path) -> None:
    versions = ProtocolVersion.objects.published().select_related("protocol").order_by("protocol__code")
    assert len(versions) >= 30
    for version in versions:
        proposal = propose_course(ask(clinic, version), now=NOW)
        assert proposal.is_planned, f"{version}: {proposal.message}"
        verdict = judge(proposal, tmp_path)
        assert (verdict["violations"], verdict["unplanned"]) == ([], []), str(version)
        assert verdict["cost"] == proposal.plan.cost == sum(proposal.cost_parts.values())
        booked = book_course(proposal.course, plan=proposal.plan, now=NOW)
        assert booked.sessions.count() == len(proposal.plan.sessions)
        assert booked.status == CourseStatus.BOOKED
    held = sum(len(visit_holds(session.visit_type)) for session in Session.objects.select_related("visit_type"))
    assert Hold.objects.count() == held


def test_a_missed_visit_of_any_library_course_is_planned_again(clinic: Site) -> None:
    """The third visit of each course, or its last: the count stays the same."""
    for version in ProtocolVersion.objects.published().select_related("protocol").order_by("protocol__code"):
        proposal = propose_course(ask(clinic, version), now=NOW)
        course = book_course(proposal.course, plan=proposal.plan, now=NOW)
        ours = list(course.sessions.exclude(visit_type__place=Place.EXTERNAL).order_by("track__position", "number"))
        if not ours:
            continue  # nothing but the operation is booked before somebody decides
        missed = ours[:3][-1]
        outcome = mark_missed(missed, reason="no_show", now=missed.end, by=None)
        assert outcome.replanned, f"{version}: {outcome.message}"
        live = course.sessions.live().exclude(visit_type__place=Place.EXTERNAL)
        assert live.count() == len(ours)
        dates = list(live.order_by("track", "number").values_list("track", "local_date"))
        assert sorted(set(dates)) == dates
        assert Hold.objects.filter(session__course=course).count() == sum(len(visit_holds(s.visit_type)) for s in live)


def test_the_visits_of_any_library_course_follow_its_operation(clinic: Site) -> None:
    anchored = ProtocolVersion.objects.published().filter(tracks__position=0, tracks__visit_type__place=Place.EXTERNAL)
    assert anchored.count() == 4
    for version in anchored:
        proposal = propose_course(ask(clinic, version), now=NOW)
        course = book_course(proposal.course, plan=proposal.plan, now=NOW)
        anchor, *before = course.sessions.order_by("start")
        move_session(anchor, start=anchor.start + timedelta(days=17), now=NOW)
        moved, *after = course.sessions.order_by("start")
        assert (moved, len(after)) == (anchor, len(before))
        assert all(session.start > moved.start for session in after)
        assert {session.uid for session in after} == {session.uid for session in before}
