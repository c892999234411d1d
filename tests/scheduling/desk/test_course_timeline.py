"""The timeline of a course: weeks, phases, decisions, what was checked and what was said."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from clinic.models import Closure
from scheduling.desk.week_rows import lay_out_weeks
from scheduling.models import Course, CourseDecision, GateRecord, Notice, Session
from tests import factories
from tests.scheduling.desk.pressing import told

MONDAY = date(2026, 11, 23)


def visit_on(day: int, hour: int = 9) -> dict[str, object]:
    return {"starts": datetime(2026, 11, 23, hour, tzinfo=UTC) + timedelta(days=day)}


def lay_out(*days: int, **options):
    return lay_out_weeks([visit_on(day) for day in days], today=MONDAY, **options)


def test_a_day_of_the_weekend_has_a_column_only_where_something_lies_on_it():
    assert lay_out(0, 4).weekdays == ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    assert lay_out(0, 5).weekdays[-1] == "Saturday"
    assert lay_out_weeks([], today=MONDAY).rows == ()


def test_three_weeks_without_a_visit_are_one_line_and_two_are_not():
    rows = lay_out(0, 28, 49).rows
    assert [(row.number, row.empty, len(row.days)) for row in rows] == [
        (1, 0, 5),
        (2, 3, 0),
        (5, 0, 5),
        (6, 0, 5),
        (7, 0, 5),
        (8, 0, 5),
    ]
    assert (rows[1].monday, rows[1].last) == (date(2026, 11, 30), date(2026, 12, 20))


def test_visits_of_one_day_stand_in_the_order_of_their_times():
    items = [visit_on(1, 14), visit_on(1, 8)]
    (week,) = lay_out_weeks(items, today=MONDAY).rows
    assert [item["starts"].hour for item in week.days[1].items] == [8, 14]


def test_closed_days_and_a_pause_are_marked_and_a_pause_without_an_end_goes_on():
    closed, pause = {date(2026, 11, 26): "Thanksgiving"}, (date(2026, 11, 24), date(2026, 11, 25))
    (week,) = lay_out(0, 4, closed=closed, pause=pause).rows
    assert [(day.closed, day.is_paused) for day in week.days] == [
        ("", False),
        ("", True),
        ("", True),
        ("Thanksgiving", False),
        ("", False),
    ]
    (week,) = lay_out(0, 4, pause=(date(2026, 11, 25), None)).rows
    assert [day.is_paused for day in week.days] == [False, False, True, True, True]


def page_of(course):
    return reverse("admin:scheduling_course_change", args=[course.pk])


def items_of(page):
    return [item for week in page.context["weeks"].rows for day in week.days for item in day.items]


@pytest.mark.django_db
def test_each_visit_tells_its_state_its_checks_and_its_messages(at_desk, course, first, clerk):
    gate = course.version.gates.get(code="driver")
    record = GateRecord.objects.create(
        course=course, gate=gate, session=first, met_on=factories.a_day(), recorded_by=clerk
    )
    Notice.objects.filter(course=course).delete()
    values = {"patient": course.patient, "course": course, "session": first, "due_at": factories.NOW}
    for kind, status, at in (("calendar", "sent", factories.NOW), ("reminder", "failed", None)):
        Notice.objects.create(
            **values,
            kind=kind,
            channel="email",
            status=status,
            sent_at=at,
            key=kind,
            message_id=kind,
            created_at=factories.NOW,
        )
    row = items_of(at_desk.get(page_of(course)))[0]
    assert row["checks"] == [{"gate": gate, "record": record}]
    assert [(notice.kind, notice.status) for notice in row["told"]] == [("calendar", "sent"), ("reminder", "failed")]
    assert (row["met"], row["told_state"], row["lacks_checks"]) == (1, "failed", False)


@pytest.mark.django_db
def test_what_must_be_checked_is_pointed_at_in_the_days_before_the_visit_alone(at_desk, course):
    rows = items_of(at_desk.get(page_of(course)))
    near = [(row["starts"].date() - factories.a_day()).days <= 2 for row in rows if "session" in row]
    assert [row["lacks_checks"] for row in rows if "session" in row] == near
    assert near[0] is True


@pytest.mark.django_db
def test_phases_and_decisions_stand_where_they_begin(at_desk, course, clinician):
    page = at_desk.get(page_of(course))
    assert [item.get("phase", "decision") for item in items_of(page)] == ["Phase 0", "", "decision", "", ""]
    point = course.version.decision_points.get()
    CourseDecision.objects.create(
        course=course, decision_point=point, outcome="continue", decided_at=factories.NOW, decided_by=clinician
    )
    text = at_desk.get(page_of(course)).content.decode()
    assert 'title="Does it help?"' in text
    assert "Continue<span" in text


@pytest.mark.django_db
def test_a_closure_in_a_week_of_the_course_is_named(at_desk, course):
    Closure.objects.create(site=course.site, first_on=factories.a_day(3), last_on=factories.a_day(3), reason="Holiday")
    page = at_desk.get(page_of(course))
    assert [day.closed for day in page.context["weeks"].rows[0].days] == ["", "", "", "Holiday", ""]


@pytest.mark.django_db
def test_a_course_of_sixty_visits_has_one_line_for_each_week(at_desk, patient, version, chair):
    course = factories.make_course(patient=patient, version=version)
    for number in range(60):
        start = factories.NOW + timedelta(days=7 * (number // 5) + number % 5, hours=2)
        factories.make_session(course=course, start=start, resources=(chair,))
    weeks = at_desk.get(page_of(course)).context["weeks"]
    assert [(week.number, sum("session" in i for day in week.days for i in day.items)) for week in weeks.rows] == [
        (number, 5) for number in range(1, 13)
    ]


@pytest.mark.django_db
def test_a_visit_that_arrived_is_recorded_from_its_card(on_the_day, client, course, first):
    text = client.get(page_of(course)).content.decode()
    assert f'popovertarget="v{first.pk}"' in text
    url = reverse("admin:desk_session_act", kwargs={"pk": first.pk, "act": "arrived"})
    seen = Session.objects.get(pk=first.pk).changed_at.isoformat()
    done = client.post(url, {"seen_at": seen, "next": page_of(course)}, follow=True)
    assert told(done)[0] == "Ada Abbott has arrived."
    assert done.redirect_chain == [(page_of(course), 302)]
    assert Course.objects.get(pk=course.pk).status == "running"
