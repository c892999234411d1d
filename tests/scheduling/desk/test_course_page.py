"""The page of a course: months, visits, decisions, gates, messages, stopping, paper."""

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.models import Course, CourseDecision, Notice, Session
from tests import factories
from tests.scheduling.desk.pressing import told

pytestmark = pytest.mark.django_db


def page_of(course):
    return reverse("admin:scheduling_course_change", args=[course.pk])


def test_the_page_shows_each_visit_in_its_week_and_in_the_list(at_desk, course):
    page = at_desk.get(page_of(course))
    starts = [session.local_start for session in course.sessions.order_by("start")]
    weeks = page.context["weeks"]
    assert [row["starts"] for row in page.context["rows"]] == starts
    assert [
        item["starts"] for week in weeks.rows for day in week.days for item in day.items if "session" in item
    ] == starts
    assert [(week.number, week.monday, week.is_now) for week in weeks.rows] == [
        (1, factories.a_day(), True),
        (2, factories.a_day(7), False),
    ]
    assert page.context["counts"]["booked"] == 4


def test_a_course_is_stopped_with_a_reason_after_a_page_that_says_what_goes(at_desk, course, clerk):
    stop = reverse("admin:desk_course_stop", args=[course.pk])
    asked = at_desk.get(stop)
    assert asked.context["plan"]["summary"] == "4 visits are given up."
    assert [(row["label"], row["look"]) for row in asked.context["plan"]["rows"]] == [
        (f"Visit {number}", "gone") for number in (1, 2, 3, 4)
    ]
    sent = dict(asked.context["hidden"]) | {"step": "book"}
    unsaid = at_desk.post(stop, {**sent, "reason": "  "})
    assert unsaid.context["form"].errors == {"reason": ["Reason: say it in a few words."]}
    assert Course.objects.get(pk=course.pk).status == "booked"
    done = at_desk.post(stop, {**sent, "reason": "Moved away"}, follow=True)
    assert told(done)[0] == "The course is stopped. The patient is told within a few minutes."
    course.refresh_from_db()
    assert (course.status, course.end_reason) == ("stopped", "Moved away")
    assert set(course.sessions.values_list("status", flat=True)) == {"cancelled"}


def test_gates_are_ticked_expire_and_are_taken_back(at_desk, course, clerk, clock):
    gate = course.version.gates.get(code="consent")
    url = reverse("admin:desk_gate", kwargs={"pk": course.pk, "gate": gate.pk})
    assert told(at_desk.post(url, follow=True)) == ["Met: Consent."]
    record = course.gate_records.get()
    assert (record.met_on, record.valid_until, record.recorded_by) == (factories.a_day(), factories.a_day(10), clerk)
    assert [item["expired"] for item in at_desk.get(page_of(course)).context["gates"]] == [False]
    clock.shift(timedelta(days=11))
    at_desk.force_login(clerk)
    assert [item["expired"] for item in at_desk.get(page_of(course)).context["gates"]] == [True]
    assert told(at_desk.post(url, {"withdraw": record.pk}, follow=True)) == ["Taken back: Consent."]
    assert not course.gate_records.exists()


def test_a_gate_ticked_twice_on_one_day_is_recorded_once(at_desk, course):
    url = reverse("admin:desk_gate", kwargs={"pk": course.pk, "gate": course.version.gates.get(code="consent").pk})
    at_desk.post(url)
    at_desk.post(url)
    assert course.gate_records.count() == 1


def test_a_due_decision_waits_for_a_clinician(at_desk, clinician, clerk, course, clock):
    second = course.sessions.get(number=2)
    clock.move_to(second.end, tick=False)
    at_desk.force_login(clerk)
    point = course.version.decision_points.get()
    url = reverse("admin:desk_decide", kwargs={"pk": course.pk, "point": point.pk})
    page = at_desk.get(page_of(course))
    assert page.context["due"] == [point]
    assert "A clinician decides this." in page.content.decode()
    assert (at_desk.get(url).status_code, at_desk.post(url, {"outcome": "continue"}).status_code) == (403, 403)
    at_desk.force_login(clinician)
    assert f"{url}?outcome=continue" in at_desk.get(page_of(course)).content.decode()
    wrong = at_desk.post(url, {"outcome": "perhaps", "step": "book"})
    assert list(wrong.context["form"].errors) == ["outcome"]
    shown = at_desk.get(url, {"outcome": "continue"})
    assert shown.context["sentences"] == ["No visit changes.", "The visits stay as they are booked."]
    sent = dict(shown.context["hidden"]) | {"outcome": "continue", "note": "Sleeps better", "step": "book"}
    assert told(at_desk.post(url, sent, follow=True)) == ["Decided. The patient is told within a few minutes."]
    decision = course.decisions.get()
    assert (decision.outcome, decision.note, decision.decided_by) == ("continue", "Sleeps better", clinician)
    assert at_desk.get(page_of(course)).context["due"] == []


def test_what_a_clinician_noted_is_not_for_the_front_desk(at_desk, clinician, clerk, course):
    point = course.version.decision_points.get()
    CourseDecision.objects.create(
        course=course,
        decision_point=point,
        outcome="continue",
        note="Sleeps better",
        decided_at=factories.NOW,
        decided_by=clinician,
    )
    history = reverse("admin:scheduling_course_history", args=[course.pk])
    for page in (page_of(course), history):
        at_desk.force_login(clerk)
        shown = at_desk.get(page).content.decode()
        assert "Sleeps better" not in shown and "Does it help?" in shown
        at_desk.force_login(clinician)
        assert "Sleeps better" in at_desk.get(page).content.decode()


def test_messages_are_listed_with_their_state(at_desk, course):
    page = at_desk.get(page_of(course))
    shown = [(notice.kind, notice.status) for notice in page.context["notices"]]
    assert shown == list(Notice.objects.filter(course=course).values_list("kind", "status"))
    assert ("course_summary", "due") in shown


def test_the_printed_calendar_names_no_treatment(at_desk, course):
    page = at_desk.get(reverse("admin:desk_course_print", args=[course.pk])).content.decode()
    assert "Ada Abbott" in page
    assert course.version.protocol.name not in page
    assert course.site.public_name in page
    for session in Session.objects.filter(course=course):
        assert f"{session.local_date:%A, %B} {session.local_date.day}, 2026" in page


def test_the_list_of_courses_shows_progress_and_why_some_were_not_planned(at_desk, course, patient, version):
    course.sessions.filter(number=1).update(status="completed")
    factories.make_course(patient=patient, version=version, status="infeasible", plan_message="Nothing fits.")
    page = at_desk.get(reverse("admin:scheduling_course_changelist"))
    text = page.content.decode()
    assert "1 of 4 done" in text
    assert "Nothing fits." in text
    assert "Courses" in page.context["title"]


def test_the_wishes_say_when_the_patient_can_come(at_desk, course):
    assert "Can come" not in at_desk.get(page_of(course)).content.decode()
    Course.objects.filter(pk=course.pk).update(availability={"mon": [["08:00", "12:00"]]})
    page = at_desk.get(page_of(course)).content.decode()
    assert "<dt>Can come</dt><dd>Mon 8:00 AM to 12:00 PM</dd>" in page


def test_a_visit_that_is_given_up_offers_no_gate_to_tick(at_desk, course, first):
    url = reverse("admin:scheduling_session_change", args=[first.pk])
    assert "Mark as met" in at_desk.get(url).content.decode()
    Session.objects.filter(pk=first.pk).update(status="cancelled")
    page = at_desk.get(url).content.decode()
    assert "Driver named" in page
    assert "Mark as met" not in page


def test_the_list_of_messages_begins_with_what_is_nearest_to_now(at_desk, course):
    Notice.objects.filter(course=course).delete()
    hours = {"long ago": -3000, "just sent": -1, "next": 2, "far": 3000}
    for key, away in hours.items():
        at = factories.NOW + timedelta(hours=away)
        Notice.objects.create(
            patient=course.patient,
            course=course,
            kind="calendar",
            channel="email",
            key=key,
            message_id=key,
            due_at=at - timedelta(days=1 if away < 0 else 0),
            sent_at=at if away < 0 else None,
            created_at=factories.NOW,
        )
    page = at_desk.get(reverse("admin:scheduling_notice_changelist"))
    assert [notice.key for notice in page.context["cl"].result_list] == ["just sent", "next", "far", "long ago"]
    page = at_desk.get(reverse("admin:scheduling_notice_changelist"), {"o": "0"})
    assert [notice.key for notice in page.context["cl"].result_list] == ["long ago", "just sent", "next", "far"]
