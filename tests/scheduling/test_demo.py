"""The demonstration clinic: loaded whole, without a conflict, on open days only, and taken out again."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from clinic.models import Closure, Patient, Resource, Site, User
from protocols.library import load_library
from protocols.models import Protocol, Stage
from protocols.models.protocol import Family
from scheduling import engine
from scheduling.batches import plan_waiting_courses
from scheduling.demo import clinic as demo_clinic
from scheduling.demo.clinic import (
    ADOPTED,
    fill_past,
    find_demo_site,
    prepare_demo,
    read_demo_referrals,
    request_rest,
    settle_day,
)
from scheduling.demo.removal import remove_demo
from scheduling.demo.report import count_conflicts
from scheduling.demo.staff import logins_path
from scheduling.messages import delivery
from scheduling.models import Answer, Course, CourseStatus, Driver, Hold, Notice, NoticeStatus, Session, SessionStatus
from scheduling.snapshots import read_problem
from tests import factories
from tests.scheduling.background import own_broker, running_worker

# Thanksgiving three days on, Christmas and New Year in the courses' way.
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def load(**options) -> list[str]:
    output = StringIO()
    # Asked for: these tests run on a DATABASE_URL as well.
    call_command("load_demo", stdout=output, stderr=output, **{"demo": True, **options})
    return output.getvalue().splitlines()


def totals() -> list[int]:
    return [model.objects.count() for model in (Site, User, Resource, Patient, Course, Session, Hold, Notice, Protocol)]


def sessions_on_closed_days() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """select count(*) from scheduling_session s join clinic_closure c
            on c.site_id = s.site_id and s.local_date between c.first_on and c.last_on
            join protocols_visittype v on v.id = s.visit_type_id and v.place <> 'external'"""
        )
        return int(cursor.fetchone()[0])


def judge(site: Site) -> list[engine.Violation]:
    """What the engine's check, which shares nothing with the planner, says of all that is booked and to come."""
    Site.objects.filter(pk=site.pk).update(lead_minutes=0)
    site.refresh_from_db()
    courses = list(Course.objects.filter(site=site, status__in=[CourseStatus.BOOKED, CourseStatus.RUNNING]))
    problem = read_problem(site=site, courses=courses, now=timezone.now(), replan=True)
    plans = tuple(
        engine.CoursePlan(posed.id, engine.PLANNED, (*posed.locked, *posed.current), cost=0)
        for posed in problem.courses
    )
    return engine.check(problem, engine.Result(plans, cost=0))


@pytest.mark.django_db(transaction=True)
def test_the_demonstration_is_planned_and_booked_by_a_worker_without_a_conflict(tmp_path):
    with own_broker() as broker, running_worker(tmp_path / "worker", broker_url=broker.url):
        lines = load()
        loaded = totals()
        again = load()
        assert (lines[-1], again[-1]) == ("Conflicts: 0", "Conflicts: 0")
        assert totals() == loaded
    site = Site.objects.get()
    assert Patient.objects.count() == 40
    assert Course.objects.filter(status=CourseStatus.PLANNING).count() == 0
    assert list(Course.objects.filter(status=CourseStatus.INFEASIBLE).values_list("reference", flat=True)) == ["R-1040"]
    assert set(Course.objects.values_list("version__protocol__family", flat=True)) == set(Family.values)
    assert 900 <= Session.objects.live().count() <= 1200
    assert (count_conflicts(), sessions_on_closed_days(), judge(site)) == (0, 0, [])
    outcomes = set(
        Session.objects.filter(start__lt=timezone.now() - timedelta(days=1)).values_list("status", flat=True)
    )
    assert outcomes >= {SessionStatus.COMPLETED, SessionStatus.MISSED, SessionStatus.UNRECORDED}
    asked = Answer.objects.filter(needs_staff=True).values_list("kind", flat=True)
    assert sorted(asked) == ["cannot_come", "move_wanted"]
    assert Answer.objects.filter(kind="confirmed").exists()
    assert set(Driver.objects.values_list("status", flat=True)) == {"needed", "named", "confirmed"}
    assert remove_demo()
    assert totals() == [0, 0, 0, 0, 0, 0, 0, 0, Protocol.objects.library().count()]
    assert not logins_path().exists()


@pytest.mark.django_db
def test_the_past_is_played_with_its_own_clock():
    site = prepare_demo(now=MONDAY)
    settle_day(site, now=MONDAY)
    referrals = [row for row in read_demo_referrals(site) if row.referral_id in {"R-1001", "R-1003", "R-1012"}]
    fill_past(site, referrals, now=MONDAY)
    past = Session.objects.filter(start__lt=MONDAY - timedelta(hours=12)).exclude(visit_type__place="external")
    assert set(past.values_list("status", flat=True)) == {SessionStatus.COMPLETED, SessionStatus.MISSED}
    assert set(Session.objects.filter(start__gt=MONDAY).values_list("status", flat=True)) == {SessionStatus.BOOKED}
    assert [(s.course.reference, s.number) for s in past.filter(status="missed").order_by("course")] == [
        ("R-1001", 9),
        ("R-1003", 5),
    ]
    decided = Course.objects.get(reference="R-1003").decisions.values_list("outcome", flat=True)
    assert list(decided) == ["continue"]
    assert (count_conflicts(), sessions_on_closed_days()) == (0, 0)
    before = totals()
    fill_past(site, referrals, now=MONDAY + timedelta(days=1))
    assert totals() == before


@pytest.mark.django_db
def test_the_same_day_makes_the_same_demonstration():
    def calendar() -> list[tuple]:
        site = prepare_demo(now=MONDAY)
        settle_day(site, now=MONDAY)
        few = {"R-1007", "R-1014", "R-1017", "R-1020", "R-1027", "R-1033"}
        referrals = [row for row in read_demo_referrals(site) if row.referral_id in few]
        fill_past(site, referrals, now=MONDAY)
        plan_waiting_courses(request_rest(site, referrals, now=MONDAY), now=MONDAY)
        rows = Session.objects.order_by("course__reference", "track__position", "number", "pk")
        return list(rows.values_list("course__reference", "track__name", "number", "start", "status"))

    first = calendar()
    assert len(first) > 30
    remove_demo()
    assert calendar() == first


@pytest.mark.django_db
def test_the_accounts_work_and_their_passwords_lie_in_a_private_file():
    prepare_demo(now=MONDAY)
    logins = json.loads(logins_path().read_text())
    assert stat.S_IMODE(logins_path().stat().st_mode) == 0o600
    assert [login["role"] for login in logins] == ["Front desk", "Clinician", "Site administrator", "Administrator"]
    users = [authenticate(username=login["username"], password=login["password"]) for login in logins]
    assert [(user.role, user.is_superuser) for user in users if user] == [
        ("front_desk", False),
        ("clinician", False),
        ("site_admin", False),
        ("site_admin", True),
    ]
    prepare_demo(now=MONDAY)
    assert json.loads(logins_path().read_text()) == logins


@pytest.mark.django_db
def test_the_clinic_keeps_its_adopted_protocol_through_later_loads_of_the_library():
    prepare_demo(now=MONDAY)
    own = Protocol.objects.get(site=find_demo_site())
    library = Protocol.objects.library().get(code=ADOPTED)

    def minutes(protocol: Protocol) -> list[int]:
        stages = Stage.objects.filter(visit_type__version__protocol=protocol, visit_type__code="session")
        return list(stages.order_by("position").values_list("minutes", flat=True))

    adopted = minutes(own)
    assert (own.code, [version.status for version in own.versions.all()]) == (ADOPTED, ["published"])
    assert [ours - theirs for ours, theirs in zip(adopted, minutes(library), strict=True)] == [5, 0, 0, 0]
    load_library(now=MONDAY + timedelta(days=1))
    assert minutes(own) == adopted


@pytest.mark.django_db
def test_public_holidays_are_closed():
    site = prepare_demo(now=MONDAY)
    closed = set(Closure.objects.filter(site=site).values_list("first_on", flat=True))
    assert closed >= {date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1), date(2027, 7, 5)}


@pytest.mark.django_db(transaction=True)
def test_messages_about_past_visits_are_not_sent_but_skipped_as_too_late(mailoutbox):
    site = prepare_demo(now=MONDAY)
    settle_day(site, now=MONDAY)
    # Its three visits are over.
    referrals = [row for row in read_demo_referrals(site) if row.referral_id == "R-1014"]
    fill_past(site, referrals, now=MONDAY)
    delivery.deliver_due(now=MONDAY)
    assert mailoutbox == []
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.SKIPPED}


@pytest.mark.django_db
def test_a_database_with_a_clinic_in_it_is_left_alone():
    factories.make_site(code="real")
    with pytest.raises(CommandError, match="holds a clinic already"):
        load(prepare=True)
    with pytest.raises(CommandError, match="no demonstration clinic here"):
        load(fill=True)
    assert remove_demo() is False
    assert Site.objects.count() == 1


@pytest.mark.django_db
def test_a_named_database_gets_invented_patients_only_when_asked(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/clinic")
    with pytest.raises(CommandError, match="give --demo"):
        load(prepare=True, demo=False)
    load(prepare=True, demo=True)
    assert find_demo_site()


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_the_command_says_so(monkeypatch, tmp_path):
    lines = demo_clinic.REFERRALS.read_text().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(line for line in lines if line.startswith(("referral_id", "R-1014", "R-1024"))))
    monkeypatch.setattr(demo_clinic, "REFERRALS", short)
    load(prepare=True)
    with (
        own_broker(),
        pytest.raises(CommandError, match=r"^The worker does not answer: 1 course waits to be planned\."),
    ):
        load(fill=True, patience=0.5)
    assert Course.objects.get(reference="R-1024").status == CourseStatus.PLANNING
