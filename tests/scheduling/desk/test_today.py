"""The first page and the call list: numbers that are right, and lists that are worked down."""

from datetime import timedelta

import pytest
from django.urls import reverse

from protocols.models import DecisionPoint, ProtocolVersion
from scheduling.attendance import mark_arrived, mark_treated
from scheduling.booking import book_course
from scheduling.decisions import decide, due_decisions
from scheduling.models import CourseDecision, Notice, Session
from scheduling.planning import propose_course
from tests import factories
from tests.scheduling import calendar
from tests.scheduling.desk.pressing import act, told
from tests.scheduling.watched import make_watched

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def figures(page):
    return {figure["label"]: figure["number"] for figure in page.context["figures"]}


def test_today_shows_the_visits_of_the_day_at_my_clinics(at_desk, course, first, on_the_day, other_site):
    theirs = factories.make_course(patient=factories.make_patient(site=other_site), version=course.version)
    factories.make_session(course=theirs, start=first.start)
    page = at_desk.get(reverse("admin:index"))
    assert [row["session"] for row in page.context["rows"]] == [first]
    assert page.context["rows"][0]["late"] == 5
    assert page.context["rows"][0]["acts"] == ("arrived", "missed", "move", "cancel")
    assert figures(page)["visits today"] == 1


def test_today_is_the_day_at_the_clinic_and_not_in_utc(at_desk, clerk, course, first, clock):
    # 23:30 in New York is the next day in UTC.
    clock.move_to(first.local_start.replace(hour=23, minute=30), tick=False)
    at_desk.force_login(clerk)
    page = at_desk.get(reverse("admin:index"))
    assert page.context["today"] == first.local_date
    assert [row["session"] for row in page.context["rows"]] == [first]


def test_what_waits_for_somebody_is_counted(at_desk, course, first, patient, version, on_the_day):
    factories.make_course(patient=patient, version=version, status="infeasible")
    factories.make_course(patient=patient, version=version, status="planning")
    Session.objects.filter(pk=first.pk).update(status="unrecorded")
    page = at_desk.get(reverse("admin:index"))
    assert figures(page) == {
        "visits today": 1,
        "here now": 0,
        "being watched": 0,
        "without a confirmed driver": 0,
        "to call": 0,
        "outcomes not recorded": 1,
        "visits without a place": 0,
        "could not be planned": 1,
        "decisions due": 0,
        "forms due": 0,
    }
    assert page.context["planning"] == 1
    assert "1 course being planned" in page.content.decode()


def test_decisions_are_due_from_their_session_on_until_they_are_made(at_desk, clerk, clinician, course, clock):
    clock.move_to(course.sessions.get(number=2).end, tick=False)
    at_desk.force_login(clerk)
    page = at_desk.get(reverse("admin:desk_decisions"))
    asked = [(row["session"].number, row["session"].question) for row in page.context["rows"]]
    assert asked == [(2, "Does it help?")]
    assert reverse("admin:scheduling_course_change", args=[course.pk]) in page.content.decode()
    point = course.version.decision_points.get()
    CourseDecision.objects.create(
        course=course, decision_point=point, outcome="continue", decided_at=factories.NOW, decided_by=clinician
    )
    assert figures(at_desk.get(reverse("admin:index")))["decisions due"] == 0
    assert at_desk.get(reverse("admin:desk_decisions")).context["rows"] == []


def test_a_decision_is_due_again_after_what_a_step_back_repeats(at_desk, clerk, clinician, patient, chair, clock):
    version = factories.make_protocol(publish=False)
    point = DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=2, mode="blocking", question="Go on?"
    )
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    asked = calendar.make_course(patient=patient, version=version)
    course = book_course(asked, plan=propose_course(asked, now=factories.NOW).plan, now=factories.NOW)
    last = course.sessions.get(number=2).end
    decide(course, point, outcome="step_back", now=last, by=clinician)
    clock.move_to(last, tick=False)
    at_desk.force_login(clerk)
    course.refresh_from_db()
    assert figures(at_desk.get(reverse("admin:index")))["decisions due"] == 0
    assert due_decisions(course, now=last) == []
    repeated = course.sessions.get(number=4).start
    clock.move_to(repeated, tick=False)
    at_desk.force_login(clerk)
    assert figures(at_desk.get(reverse("admin:index")))["decisions due"] == 1
    assert due_decisions(course, now=repeated) == [point]


# Who is here, and who is watched


@pytest.fixture
def watched(patient, site, clerk, clock):
    """Three who came for two hours of watching: treated at 8:35, by the plan at 8:25, and not before 9:25."""
    version, found = make_watched(), []
    for number, (start, given) in enumerate(((0, 35), (0, None), (60, None))):
        person = patient if not number else factories.make_patient(site=site)
        course = factories.make_course(patient=person, version=version)
        session = factories.make_session(course=course, start=factories.NOW + start * MINUTE, minutes=155)
        session = mark_arrived(session, now=factories.NOW, by=clerk)
        if given:
            mark_treated(session, at=factories.NOW + given * MINUTE, now=factories.NOW + given * MINUTE, by=clerk)
        found.append(session)
    clock.move_to(factories.NOW + 80 * MINUTE, tick=False)
    return found


def test_today_says_who_is_watched_and_for_how_much_longer(at_desk, watched):
    page = at_desk.get(reverse("admin:index"))
    treated, by_plan, waiting = watched
    assert (figures(page)["here now"], figures(page)["being watched"]) == (3, 2)
    said = [
        (row["session"], row["watch"]["left_text"], f"{row['watch']['until']:%H:%M}", row["watch"]["is_recorded"])
        for row in page.context["watched"]
    ]
    assert said == [(by_plan, "1 h 5 min", "10:25", False), (treated, "1 h 15 min", "10:35", True)]
    acts = {row["session"]: row["acts"] for row in page.context["rows"]}
    assert acts == {
        treated: ("completed", "undo"),
        by_plan: ("treated", "completed", "missed", "undo"),
        waiting: ("treated", "completed", "missed", "undo"),
    }
    shown = page.content.decode()
    assert "Counted from the plan: the treatment is not recorded." in shown
    assert "Treatment given at 8:35 AM; 10 min later than planned" in shown


def test_one_press_says_that_the_treatment_was_given_and_one_takes_it_back(at_desk, watched):
    _, by_plan, _ = watched
    page = act(at_desk, by_plan, "treated", next=reverse("admin:index"))
    assert told(page) == [
        "Treatment given. Ada " + by_plan.patient.family_name + " is watched until 11:20 AM at least."
    ]
    assert page.context["watched"][-1]["session"] == by_plan
    assert told(act(at_desk, by_plan, "undo")) == ["Taken back."]
    by_plan.refresh_from_db()
    assert (by_plan.status, by_plan.treated_at) == ("arrived", None)


def test_the_time_of_a_treatment_is_put_right_on_the_page_of_the_visit(at_desk, watched):
    treated, _, _ = watched
    shown = at_desk.get(reverse("admin:scheduling_session_change", args=[treated.pk])).content.decode()
    assert 'name="at" value="08:35"' in shown
    assert told(act(at_desk, treated, "treated", at="08:30"))[0].endswith("is watched until 10:30 AM at least.")
    assert told(act(at_desk, treated, "treated", at="half")) == [
        "Time: give the time at which the treatment was given, such as 9:30 AM."
    ]
    treated.refresh_from_db()
    assert treated.treated_at == factories.NOW + 30 * MINUTE


def test_each_number_of_the_day_opens_the_visits_that_it_counts(at_desk, watched, patient, version):
    course = factories.make_course(patient=factories.make_patient(site=patient.home_site), version=version)
    expected = factories.make_session(course=course, start=factories.NOW + 120 * MINUTE)
    lists = {
        show: {row["session"] for row in at_desk.get(reverse("admin:index"), {"show": show}).context["rows"]}
        for show in ("all", "expected", "here", "watched", "done", "nonsense")
    }
    here = set(watched)
    assert lists == {
        "all": {*here, expected},
        "expected": {expected},
        "here": here,
        "watched": set(watched[:2]),
        "done": set(),
        "nonsense": {*here, expected},
    }
    page = at_desk.get(reverse("admin:index"))
    assert [figure["url"] for figure in page.context["day_figures"]] == [
        "/admin/#visits",
        "/admin/?show=here#visits",
        "/admin/?show=watched#visits",
    ]


def test_a_line_stands_between_what_has_begun_and_what_comes(at_desk, watched, patient, version):
    course = factories.make_course(patient=factories.make_patient(site=patient.home_site), version=version)
    factories.make_session(course=course, start=factories.NOW + 120 * MINUTE)
    page = at_desk.get(reverse("admin:index"))
    assert [row.get("is_next", False) for row in page.context["rows"]] == [False, False, False, True]
    assert page.content.decode().count("now, 9:20 AM") == 1


@pytest.fixture
def call(course):
    return Notice.objects.create(
        patient=course.patient,
        course=course,
        session=course.sessions.get(number=1),
        kind="reminder",
        channel="call",
        key="call-1",
        message_id="call-1",
        due_at=factories.NOW,
        useful_until=factories.NOW + timedelta(days=1),
        created_at=factories.NOW,
    )


def test_a_call_is_done_once(at_desk, clerk, call):
    listed = reverse("admin:desk_call_list")
    assert [entry["notice"] for entry in at_desk.get(listed).context["calls"]] == [call]
    done = reverse("admin:desk_call_done", args=[call.pk])
    assert told(at_desk.post(done, follow=True)) == ["Done: Ada Abbott."]
    assert told(at_desk.post(done, follow=True)) == ["Somebody has done this already, or it is not needed any more."]
    call.refresh_from_db()
    assert (call.status, call.sent_at, call.outcome) == ("done", factories.NOW, "Done by Cleo Clerk")
    assert at_desk.get(listed).context["calls"] == []


@pytest.mark.parametrize(("hours", "number"), [(-1, 1), (20, 1), (25, 0)])
def test_the_calls_that_are_counted_are_those_on_the_list(at_desk, call, hours, number):
    due = factories.NOW + timedelta(hours=hours)
    Notice.objects.filter(pk=call.pk).update(due_at=due, useful_until=due + timedelta(days=1))
    counted = figures(at_desk.get(reverse("admin:index")))["to call"]
    listed = at_desk.get(reverse("admin:desk_call_list")).context["calls"]
    assert (counted, len(listed)) == (number, number)


def test_calls_of_no_more_use_and_e_mails_are_not_on_the_list(at_desk, call):
    Notice.objects.filter(pk=call.pk).update(useful_until=factories.NOW - timedelta(minutes=1))
    assert at_desk.get(reverse("admin:desk_call_list")).context["calls"] == []
    Notice.objects.filter(pk=call.pk).update(useful_until=None, channel="email")
    assert at_desk.get(reverse("admin:desk_call_list")).context["calls"] == []


def test_a_day_without_visits_shows_the_next_day_that_has_some(at_desk, clerk, course, first, clock, other_site):
    theirs = factories.make_course(patient=factories.make_patient(site=other_site), version=course.version)
    factories.make_session(course=theirs, start=first.start - timedelta(hours=20))
    Session.objects.filter(pk=first.pk).update(status="cancelled")
    second = course.sessions.get(number=2)
    clock.move_to(second.start - timedelta(days=1), tick=False)
    at_desk.force_login(clerk)
    page = at_desk.get(reverse("admin:index"))
    assert (page.context["rows"], page.context["next_day"]) == ([], second.local_date)
    assert [row["session"] for row in page.context["next_rows"]] == [second]
    assert f"Next: {second.local_date:%A, %B} {second.local_date.day}" in page.content.decode()


def test_a_day_with_visits_shows_no_other(at_desk, course, first, on_the_day):
    page = at_desk.get(reverse("admin:index"))
    assert (page.context["next_day"], page.context["next_rows"]) == (None, [])


def test_without_any_visit_to_come_nothing_is_next(at_desk):
    page = at_desk.get(reverse("admin:index"))
    assert page.context["next_day"] is None
    assert "Next:" not in page.content.decode()


def menu(page):
    return [item["label"] for section in page.context["desk_navigation"] for item in section["items"]]


def test_the_menu_holds_what_a_role_may_see(at_desk, client, clerk, site_admin):
    day = ["Today", "Day board", "Call list", "Waiting list", "Disruptions", "Recent changes"]
    work = [*day, "Patients", "Courses", "Sessions", "Messages", "Came in", "Protocols"]
    setup = ["Sites and hours", "Closures", "Resources", "Outages", "Resource kinds", "Staff", "API keys"]
    index = reverse("admin:index")
    client.force_login(site_admin)
    assert menu(client.get(index)) == work + setup
    client.force_login(clerk)
    assert menu(client.get(index)) == work + [label for label in setup if label not in {"Staff", "API keys"}]
