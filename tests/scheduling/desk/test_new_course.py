"""New course: find the patient, see the calendar before it is booked, book it with one button, or see why not."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from clinic.models import Closure, Patient
from protocols.models import DecisionPoint, ProtocolVersion, Stage, Track, VisitType
from scheduling.desk import new_course
from scheduling.gates import meet_gate
from scheduling.models import Course, Hold, Notice, Session
from scheduling.planning import legal_times, propose_course
from tests import factories
from tests.scheduling.desk.pressing import search, told

pytestmark = pytest.mark.django_db


def page_for(patient):
    return f"{reverse('admin:scheduling_course_add')}?{urlencode({'patient': patient.pk})}"


def wishes(site, version, **changes):
    fields = {
        "step": "preview",
        "site": site.pk,
        "version": version.pk,
        "earliest_start": "2026-11-24",
        "latest_start": "2026-12-04",
        "preferred_time": "10:00",
    }
    return {**fields, **changes}


def rows_written():
    return [model.objects.count() for model in (Course, Session, Hold, Notice)]


def test_a_patient_is_found_by_any_of_name_phone_and_birth_date(at_desk, patient, stranger):
    patient.phone, patient.birth_date = "+1 (555) 010-0142", "1980-05-31"
    patient.save()
    url = reverse("admin:scheduling_course_add")
    for text in ("abb", "ada ABBOTT", "5550100142", "555-010", "1980-05-31", "05/31/1980", "abbott 1980-05-31"):
        assert search(at_desk, url, text).context["found"] == [patient], text
    for text in ("zeller", "abbott 1981-05-31", "999"):
        assert search(at_desk, url, text).context["found"] == [], text


def test_a_patient_of_another_clinic_is_not_found(at_desk, stranger):
    assert at_desk.get(page_for(stranger)).status_code == 404


def test_the_form_begins_with_what_is_known_of_the_patient(at_desk, patient, site, version):
    patient.preferred_time, patient.availability = time(14, 30), {"mon": [["08:00", "12:00"]]}
    patient.save()
    form = at_desk.get(page_for(patient)).context["form"]
    assert form.initial == {
        "site": site,
        "earliest_start": "2026-11-24",
        "latest_start": "2026-12-07",
        "preferred_time": time(14, 30),
        "availability": {"mon": [["08:00", "12:00"]]},
        "version": version,  # the only one there is
    }


def test_protocols_offered_are_the_newest_published_of_the_library_and_of_the_own_clinic(
    at_desk, patient, site, other_site, version
):
    own = factories.make_protocol(code="own", site=site)
    factories.make_protocol(code="theirs", site=other_site)
    factories.make_protocol(code="draft", publish=False)
    form = at_desk.get(page_for(patient)).context["form"]
    assert form.fields["version"].choices == [
        ("", [("", "Choose a protocol")]),
        (f"{site}: own protocols", [(own.pk, "Protocol own")]),
        ("Other neuromodulation", [(version.pk, "Protocol twice-weekly")]),
    ]


def test_the_calendar_is_shown_before_anything_is_written(at_desk, patient, site, version):
    Closure.objects.create(site=site, first_on="2026-11-26", last_on="2026-11-26", reason="Thanksgiving")
    page = at_desk.post(page_for(patient), wishes(site, version))
    plan = page.context["plan"]
    first, last = plan["rows"][0], plan["rows"][-1]
    assert (first["label"], first["starts"].strftime("%Y-%m-%d %H:%M"), first["where"]) == (
        "Visit 1",
        "2026-11-24 10:00",
        "Chair 1",
    )
    assert len(plan["rows"]) == 4
    assert plan["cost"][:3] == [
        "Starts on the first day asked for.",
        f"{(last['starts'].date() - first['starts'].date()).days} days from the first visit to the last.",
        "Every visit at the preferred time, 10:00 AM.",
    ]
    closed = [d.closed for m in plan["months"] for w in m.weeks for d in w if d.on.isoformat() == "2026-11-26"]
    assert "Thanksgiving" in closed
    assert rows_written() == [0, 0, 0, 0]


def test_one_button_books_what_was_shown(at_desk, clerk, patient, site, version):
    shown = at_desk.post(page_for(patient), wishes(site, version))
    booked = at_desk.post(
        page_for(patient), wishes(site, version, step="book", plan=shown.context["token"]), follow=True
    )
    course = Course.objects.get()
    assert told(booked) == ["The course is booked. The patient is told within a few minutes."]
    assert (course.status, course.patient, course.requested_by) == ("booked", patient, clerk)
    assert [s.start for s in course.sessions.all()] == [row["starts"] for row in shown.context["plan"]["rows"]]


def test_a_second_click_finds_the_course_of_the_first(at_desk, patient, site, version):
    token = at_desk.post(page_for(patient), wishes(site, version)).context["token"]
    pressed = [at_desk.post(page_for(patient), wishes(site, version, step="book", plan=token)) for _ in range(2)]
    assert [page.url for page in pressed] == [
        reverse("admin:scheduling_course_change", args=[Course.objects.get().pk])
    ] * 2


def test_a_second_course_of_the_same_protocol_is_refused_at_its_field(at_desk, patient, site, version):
    shown = at_desk.post(page_for(patient), wishes(site, version))
    other = factories.make_course(patient=patient, version=version)
    said = {"version": ["The patient already has a course of this protocol."]}
    assert at_desk.post(page_for(patient), wishes(site, version)).context["form"].errors == said
    booking = wishes(site, version, step="book", plan=shown.context["token"])
    assert at_desk.post(page_for(patient), booking).context["form"].errors == said
    assert list(Course.objects.all()) == [other]


def test_a_plan_is_not_booked_for_other_wishes_or_by_another_person(at_desk, client, clinician, patient, site, version):
    token = at_desk.post(page_for(patient), wishes(site, version)).context["token"]
    changed = at_desk.post(page_for(patient), wishes(site, version, step="book", plan=token, preferred_time="15:00"))
    forged = at_desk.post(page_for(patient), wishes(site, version, step="book", plan=token[:-3] + "abc"))
    client.force_login(clinician)
    others = client.post(page_for(patient), wishes(site, version, step="book", plan=token))
    for page in (changed, forged, others):
        assert told(page) == ["Since you looked, the calendar has changed. This is the plan as it would be now."]
    assert rows_written() == [0, 0, 0, 0]


def test_a_seat_taken_meanwhile_is_told_and_the_new_plan_shown(at_desk, patient, site, version, chair):
    shown = at_desk.post(page_for(patient), wishes(site, version))
    other = factories.make_course(patient=factories.make_patient(site=site), version=version)
    factories.make_session(course=other, start=shown.context["plan"]["rows"][0]["starts"], resources=(chair,))
    page = at_desk.post(page_for(patient), wishes(site, version, step="book", plan=shown.context["token"]))
    sentences = told(page)
    assert len(sentences) == 2
    assert "Chair 1" in sentences[0]
    assert page.context["plan"]["rows"][0]["starts"] != shown.context["plan"]["rows"][0]["starts"]
    assert Course.objects.filter(patient=patient).count() == 0


def test_wrong_wishes_are_named_at_their_field(at_desk, patient, site, version):
    wrong = wishes(
        site,
        version,
        earliest_start="2026-11-01",
        latest_start="soon",
        preferred_time="25:00",
        availability_mon_0_from="12:00",
        availability_mon_0_to="08:00",
    )
    page = at_desk.post(page_for(patient), wrong)
    assert page.context["form"].errors == {
        "earliest_start": ["This day is past."],
        "latest_start": ["Enter a valid date."],
        "preferred_time": ["Enter a valid time."],
        "availability": ["Monday: 12:00 to 08:00 ends before it begins."],
    }
    turned = at_desk.post(page_for(patient), wishes(site, version, latest_start="2026-11-23"))
    assert turned.context["form"].errors == {"latest_start": ["This day lies before the first one."]}


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2029-01-01"])
def test_days_out_of_all_reach_are_refused(at_desk, patient, site, version, day):
    page = at_desk.post(page_for(patient), wishes(site, version, earliest_start=day, latest_start=day))
    away = ["This day is more than two years away."]
    assert page.context["form"].errors == {"earliest_start": away, "latest_start": away}


def test_a_protocol_of_another_clinic_cannot_be_asked_for(at_desk, patient, site, other_site):
    theirs = factories.make_protocol(code="theirs", site=other_site)
    page = at_desk.post(page_for(patient), wishes(site, theirs))
    assert list(page.context["form"].errors) == ["version"]


def narrow(**changes):
    """The patient can come on Sundays, when the clinic is closed."""
    return {"availability_sun_0_from": "08:00", "availability_sun_0_to": "12:00", **changes}


def test_where_nothing_fits_the_page_says_why_and_how_it_would(at_desk, patient, site, version):
    page = at_desk.post(page_for(patient), wishes(site, version, **narrow()))
    assert page.context["proposal"].message
    assert "plan" not in page.context
    assert page.context["proposal"].message in page.content.decode()
    assert rows_written() == [0, 0, 0, 0]


def test_where_the_time_ran_out_the_page_says_so_and_plans_again(at_desk, patient, site, version, monkeypatch):
    monkeypatch.setattr(new_course, "propose_course", partial(propose_course, time_limit=0.0))
    page = at_desk.post(page_for(patient), wishes(site, version))
    assert "The time ran out before times for all visits were found." in page.content.decode()
    assert '<button type="submit" name="step" value="preview" class="button big">Plan again</button>' in (
        page.content.decode()
    )
    monkeypatch.undo()
    again = at_desk.post(page_for(patient), {**dict(page.context["carried"]), "step": "preview"})
    assert len(again.context["plan"]["rows"]) == 4


def test_a_way_out_can_be_tried(at_desk, patient, site, version):
    Closure.objects.create(site=site, first_on="2026-11-24", last_on="2026-11-27", reason="Works")
    short = wishes(site, version, latest_start="2026-11-27")
    refused = at_desk.post(page_for(patient), short)
    later = next(way for way in refused.context["ways_out"] if way["try"].startswith("later:"))
    assert later["text"] == "Start on Monday, November 30."
    tried = at_desk.post(page_for(patient), {**short, "step": "", "try": later["try"]})
    assert tried.context["plan"]["rows"][0]["starts"].strftime("%Y-%m-%d") == "2026-11-30"
    assert ("latest_start", "2026-11-30") in tried.context["carried"]


MONDAYS = {"availability_mon_0_from": "08:00", "availability_mon_0_to": "12:00"}


@pytest.fixture
def monday_refused(at_desk, patient, site, chair):
    """One visit a week for three weeks, for a patient who comes on Mondays; one Monday the clinic is closed."""
    weekly = factories.make_protocol(
        code="weekly", phases=({"periods": 3, "period_days": 7, "per_period": 1, "min_gap_hours": 44},)
    )
    Closure.objects.create(site=site, first_on="2026-12-07", last_on="2026-12-07", reason="Works")
    return wishes(site, weekly, earliest_start="2026-11-30", latest_start="2026-11-30", **MONDAYS)


def test_a_time_the_patient_could_come_after_all_is_tried_and_booked_as_that_one_time(
    at_desk, patient, site, monday_refused
):
    refused = at_desk.post(page_for(patient), monday_refused)
    assert "plan" not in refused.context
    trial = "free:2026-12-09T10.00:2026-12-09T10.30"
    tried = at_desk.post(page_for(patient), {**monday_refused, "step": "", "try": trial})
    rows = [row["starts"].strftime("%Y-%m-%d %H:%M") for row in tried.context["plan"]["rows"]]
    assert rows == ["2026-11-30 10:00", "2026-12-09 10:00", "2026-12-14 10:00"]
    carried = dict(tried.context["carried"])
    assert {name: carried[name] for name in carried if name.startswith("a")} == {
        **MONDAYS,
        "also_free": "2026-12-09T10.00:2026-12-09T10.30",
    }
    assert (
        "This holds if you have the patient come on Wednesday, December 9 from 10:00 AM to 10:30 AM. "
        "Other days keep the hours as they are."
    ) in tried.content.decode()
    at_desk.post(page_for(patient), {**carried, "step": "book", "plan": tried.context["token"]})
    course = Course.objects.get()
    assert (course.status, course.availability) == ("booked", {"mon": [["08:00", "12:00"]]})
    assert [s.start for s in course.sessions.order_by("start")] == [r["starts"] for r in tried.context["plan"]["rows"]]


def test_no_visit_lies_outside_the_weekly_hours_but_in_the_time_that_is_tried(at_desk, patient, site, version):
    """Every Wednesday at the preferred time would cost less than early: one alone was agreed."""
    hours = {
        f"availability_{day}_0_{end}": at for day in ("mon", "wed") for end, at in (("from", "08:00"), ("to", "08:30"))
    }
    asked = wishes(site, version, step="", earliest_start="2026-11-30", latest_start="2026-11-30", **hours)
    tried = at_desk.post(page_for(patient), {**asked, "try": "free:2026-12-02T10.00:2026-12-02T10.30"})
    rows = [row["starts"].strftime("%Y-%m-%d %H:%M") for row in tried.context["plan"]["rows"]]
    assert rows == ["2026-11-30 08:00", "2026-12-02 10:00", "2026-12-07 08:00", "2026-12-09 08:00"]


def test_a_time_that_is_tried_is_booked_only_with_the_plan_that_was_shown_for_it(
    at_desk, patient, site, monday_refused
):
    trial = "free:2026-12-09T10.00:2026-12-09T10.30"
    tried = at_desk.post(page_for(patient), {**monday_refused, "step": "", "try": trial})
    without = {**monday_refused, "step": "book", "plan": tried.context["token"]}
    page = at_desk.post(page_for(patient), without)
    assert "plan" not in page.context
    assert rows_written() == [0, 0, 0, 0]
    changed = at_desk.post(page_for(patient), {**dict(tried.context["carried"]), "step": "edit"})
    assert changed.context["form"]["also_free"].value() is None


def test_a_time_in_another_visit_is_never_free(at_desk, patient, site, monday_refused, version):
    other = factories.make_course(patient=patient, version=version)
    factories.make_session(course=other, start=datetime(2026, 12, 9, 15, tzinfo=UTC), minutes=30)
    trial = "free:2026-12-09T10.00:2026-12-09T10.30"
    tried = at_desk.post(page_for(patient), {**monday_refused, "step": "", "try": trial})
    assert "plan" not in tried.context


@pytest.mark.parametrize(
    "nonsense",
    [
        "later:x",
        "later:99999999999",
        "free:a:b",
        "free:2026-11-24T09.00",
        "free:2026-11-24T09.00:2026-11-24T09.00",
        "free:2026-11-24T09.00:2026-12-24T09.00",
        "other:1",
    ],
)
def test_nonsense_to_try_changes_nothing(at_desk, patient, site, version, nonsense):
    page = at_desk.post(page_for(patient), wishes(site, version, **{"try": nonsense}))
    assert ("latest_start", "2026-12-04") in page.context["carried"]
    assert "also_free" not in dict(page.context["carried"])


def test_a_time_that_cannot_be_read_is_refused(at_desk, patient, site, version):
    page = at_desk.post(page_for(patient), wishes(site, version, also_free="soon"))
    assert page.context["form"].errors == {"also_free": ["This is not a time at which the patient can come."]}


def test_wishes_can_be_changed_after_the_preview(at_desk, patient, site, version):
    page = at_desk.post(page_for(patient), wishes(site, version, step="edit", preferred_time="15:00"))
    assert page.context["step"] == "form"
    assert page.context["form"]["preferred_time"].value() == "15:00"


@pytest.fixture
def implant(chair):
    """Two visits, one and two weeks after an operation elsewhere."""
    version = factories.make_protocol(
        code="implant", publish=False, phases=({"periods": 2, "period_days": 7, "per_period": 1, "min_gap_hours": 24},)
    )
    operation = VisitType.objects.create(version=version, code="operation", name="Operation", place="external")
    Stage.objects.create(visit_type=operation, position=0, name="Operation", minutes=60, is_treatment=True)
    Track.objects.filter(version=version).update(position=1, first_day=7)
    first = Track.objects.create(version=version, position=0, name="operation", visit_type=operation)
    first.phases.create(position=0, name="operation", periods=1, period_days=1, per_period=1, min_gap_hours=0)
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    return version


def test_a_protocol_counted_from_an_operation_asks_for_its_date(at_desk, patient, site, implant):
    page = at_desk.post(page_for(patient), wishes(site, implant))
    assert page.context["form"].errors == {"anchor_date": ["This protocol counts from an operation: give its date."]}


def test_visits_after_an_operation_are_previewed_and_booked_around_its_date(at_desk, patient, site, implant):
    asked = wishes(site, implant, anchor_date="2026-12-01", anchor_time="07:30", earliest_start="", latest_start="")
    shown = at_desk.post(page_for(patient), asked)
    assert [row["label"] for row in shown.context["plan"]["rows"]] == ["Operation 1", "Main 1", "Main 2"]
    assert rows_written() == [0, 0, 0, 0]
    at_desk.post(page_for(patient), {**asked, "step": "book", "plan": shown.context["token"]})
    course = Course.objects.get()
    assert course.status == "booked"
    operation, *visits = course.sessions.order_by("start")
    assert (operation.start, operation.holds.count()) == (datetime(2026, 12, 1, 12, 30, tzinfo=UTC), 0)
    assert [visit.local_date.isoformat() >= "2026-12-08" for visit in visits] == [True, True]
    again = at_desk.post(page_for(patient), {**asked, "step": "book", "plan": shown.context["token"]})
    assert again["Location"] == reverse("admin:scheduling_course_change", args=[course.pk])


def test_an_operation_while_the_patient_is_elsewhere_is_refused_in_words(at_desk, patient, site, implant, version):
    asked = wishes(site, implant, anchor_date="2026-12-01", anchor_time="07:30", earliest_start="", latest_start="")
    shown = at_desk.post(page_for(patient), asked)
    other = factories.make_course(patient=patient, version=version)
    factories.make_session(course=other, start=datetime(2026, 12, 1, 12, 30, tzinfo=UTC), minutes=60)
    page = at_desk.post(page_for(patient), {**asked, "step": "book", "plan": shown.context["token"]})
    assert page.status_code == 200
    assert len(told(page)) == 2
    assert not Course.objects.filter(version=implant).exists()


def test_a_course_that_waited_past_its_first_day_can_still_be_planned(at_desk, waiting, site, version):
    Course.objects.filter(pk=waiting.pk).update(earliest_start=factories.a_day(-3))
    plan = reverse("admin:desk_course_plan", args=[waiting.pk])
    shown = at_desk.post(plan, wishes(site, version, earliest_start=str(factories.a_day(-3))))
    assert len(shown.context["plan"]["rows"]) == 4
    over = wishes(site, version, earliest_start=str(factories.a_day(-3)), latest_start=str(factories.a_day(-1)))
    assert at_desk.post(plan, over).context["form"].errors == {"latest_start": ["This day is past."]}


@pytest.fixture
def waiting(patient, version, clock):
    """A course of an import that did not fit: the patient could only come on Sundays."""
    return factories.make_course(
        patient=patient,
        version=version,
        status="infeasible",
        earliest_start=factories.a_day(1),
        latest_start=factories.a_day(5),
        availability={"sun": [["08:00", "12:00"]]},
        plan_message="The patient cannot come while the clinic is open.",
        relaxations=[{"type": "extend_latest_start", "days": 3}],
    )


def test_a_course_that_did_not_fit_shows_why_and_is_planned_again_with_other_wishes(at_desk, waiting, site, version):
    page = at_desk.get(reverse("admin:scheduling_course_change", args=[waiting.pk]))
    assert "The patient cannot come while the clinic is open." in page.content.decode()
    assert page.context["ways_out"][0]["text"] == "Start on Tuesday, December 1."
    plan = reverse("admin:desk_course_plan", args=[waiting.pk])
    again = at_desk.post(plan, {**dict(page.context["wishes"]), "step": "preview"})
    assert "plan" not in again.context
    shown = at_desk.post(plan, wishes(site, version))
    assert len(shown.context["plan"]["rows"]) == 4
    waiting.refresh_from_db()
    assert (waiting.status, waiting.availability) == ("infeasible", {"sun": [["08:00", "12:00"]]})
    at_desk.post(plan, wishes(site, version, step="book", plan=shown.context["token"]))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.availability, waiting.plan_message) == ("booked", None, "")
    assert waiting.sessions.count() == 4


def test_a_waiting_course_is_booked_with_the_one_time_that_was_tried_and_its_other_visits_can_move(
    at_desk, patient, monday_refused
):
    version = ProtocolVersion.objects.get(pk=monday_refused["version"])
    waiting = factories.make_course(patient=patient, version=version, status="infeasible")
    plan = reverse("admin:desk_course_plan", args=[waiting.pk])
    trial = "free:2026-12-09T10.00:2026-12-09T10.30"
    shown = at_desk.post(plan, {**monday_refused, "step": "", "try": trial})
    at_desk.post(plan, {**dict(shown.context["carried"]), "step": "book", "plan": shown.context["token"]})
    waiting.refresh_from_db()
    assert (waiting.status, waiting.availability) == ("booked", {"mon": [["08:00", "12:00"]]})
    first, second, _ = waiting.sessions.order_by("start")
    assert second.local_date == date(2026, 12, 9)
    times = legal_times(first, now=factories.NOW, first_on=first.local_date, last_on=first.local_date)
    assert {(at.start - first.start) for at in times} >= {timedelta(hours=-2), timedelta(hours=1)}


def test_a_booked_course_is_not_planned_again(at_desk, course):
    page = at_desk.get(reverse("admin:desk_course_plan", args=[course.pk]), follow=True)
    assert told(page) == ["This course is booked already."]


def test_the_proposal_lists_what_must_be_in_place_before_booking(at_desk, patient, site, version):
    page = at_desk.post(page_for(patient), wishes(site, version))
    assert (page.context["needed"], page.context["undecided"]) == (["Consent"], [])  # a review blocks nothing
    assert "To have in place first" in page.content.decode()


def test_of_a_course_that_waits_only_what_is_not_met_yet_is_listed(at_desk, patient, site, version, clerk):
    course = factories.make_course(patient=patient, version=version, status="infeasible")
    url = reverse("admin:desk_course_plan", args=[course.pk])
    assert at_desk.post(url, wishes(site, version)).context["needed"] == ["Consent"]
    meet_gate(course, version.gates.get(code="consent"), met_on=factories.a_day(), by=clerk)
    assert at_desk.post(url, wishes(site, version)).context["needed"] == []


def test_the_proposal_says_where_a_clinician_decides_before_more_is_booked(at_desk, patient, site, chair):
    version = factories.make_protocol(code="blocking", publish=False)
    DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=2, mode="blocking", question="Go on?"
    )
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    page = at_desk.post(page_for(patient), wishes(site, version))
    sentence = "Nothing beyond visit 2 is booked until a clinician decides: Go on?"
    assert (len(page.context["plan"]["rows"]), page.context["undecided"]) == (2, [sentence])
    assert sentence in page.content.decode()


def test_the_proposal_shows_the_courses_that_go_on_already_at_my_clinics(
    at_desk, patient, site, version, other_site, course
):
    other = factories.make_protocol(code="other")
    factories.make_course(patient=patient, version=version, status="stopped")
    factories.make_course(patient=patient, version=version, site=other_site, status="running")
    page = at_desk.post(page_for(patient), wishes(site, other))
    assert page.context["also_has"] == [course]
    assert "Also has:" in page.content.decode()
    waiting = factories.make_course(patient=patient, version=other, status="planning")
    planned = at_desk.post(reverse("admin:desk_course_plan", args=[waiting.pk]), wishes(site, other))
    assert planned.context["also_has"] == [course]


def test_a_course_that_is_paused_goes_on_too(at_desk, patient, site, course):
    course.status, course.paused_on = "paused", course.earliest_start
    course.save(update_fields=["status", "paused_on"])
    page = at_desk.post(page_for(patient), wishes(site, factories.make_protocol(code="other")))
    assert page.context["also_has"] == [course]


# Plans side by side


def test_up_to_three_plans_stand_side_by_side_with_what_they_cost_and_how_they_differ(at_desk, patient, site, version):
    page = at_desk.post(page_for(patient), wishes(site, version))
    best, *others = page.context["plans"]
    assert [plan["letter"] for plan in page.context["plans"]] == ["A", "B", "C"]
    assert (best["differences"], best["usual"]) == ([], "Tuesdays and Fridays around 10:00 AM")
    assert [plan["differences"][0] for plan in others] == [
        "Starts Wednesday, November 25, 2026, 1 day later.",
        "Usually around 12:00 PM instead of 10:00 AM.",
    ]
    assert [(plan["cost"][0], plan["cost"][2]) for plan in page.context["plans"]] == [
        ("Starts on the first day asked for.", "Every visit at the preferred time, 10:00 AM."),
        ("Starts 1 day later than asked.", "Every visit at the preferred time, 10:00 AM."),
        ("Starts on the first day asked for.", "All 4 visits more than an hour off the preferred time, 10:00 AM."),
    ]
    assert rows_written() == [0, 0, 0, 0]


def test_the_months_of_all_plans_begin_and_end_with_the_same_weeks(at_desk, patient, site, version):
    plans = at_desk.post(page_for(patient), wishes(site, version)).context["plans"]
    weeks = [[week[0].on.isoformat() for month in plan["months"] for week in month.weeks] for plan in plans]
    assert weeks[0][0] == "2026-11-22"
    assert weeks == [weeks[0]] * 3
    starts = [
        {row["starts"] for row in plan["rows"]}
        == {chip.starts for month in plan["months"] for week in month.weeks for day in week for chip in day.chips}
        for plan in plans
    ]
    assert starts == [True] * 3


def test_visits_that_a_further_plan_shares_with_the_best_are_told_apart(at_desk, patient, site, version):
    best, *others = at_desk.post(page_for(patient), wishes(site, version)).context["plans"]
    shared = {row["starts"] for row in best["rows"]}
    for plan in others:
        days = [day for month in plan["months"] for week in month.weeks for day in week]
        looks = {chip.starts: chip.state for day in days for chip in day.chips}
        assert looks == {row["starts"]: "alike" if row["starts"] in shared else "proposed" for row in plan["rows"]}
    assert shared & {row["starts"] for plan in others for row in plan["rows"]}


def test_the_second_plan_is_booked_as_it_was_shown(at_desk, patient, site, version):
    second = at_desk.post(page_for(patient), wishes(site, version)).context["plans"][1]
    at_desk.post(page_for(patient), wishes(site, version, plan=second["token"]))
    booked = Session.objects.order_by("start").values_list("start", flat=True)
    assert list(booked) == [row["starts"] for row in second["rows"]]
    assert Course.objects.get().plan_cost == second["proposal"].cost_parts


def test_a_change_that_is_not_the_clerks_to_make_shows_its_plan_and_is_not_booked(
    at_desk, patient, site, monday_refused
):
    refused = at_desk.post(page_for(patient), monday_refused)
    way = next(way for way in refused.context["ways_out"] if way["who"] == "the site administrator opens it")
    shown = at_desk.post(page_for(patient), {**monday_refused, "step": "", "suppose": way["suppose"]})
    assert shown.context["supposed"] == (
        f"This is how it would be if you {way['text'][0].lower()}{way['text'][1:-1]} (the site administrator opens it)."
    )
    assert [row["starts"].date().isoformat() for row in shown.context["plan"]["rows"]] == [
        "2026-11-30",
        "2026-12-07",
        "2026-12-14",
    ]
    assert 'name="plan"' not in shown.content.decode()
    assert "suppose" not in dict(shown.context["carried"])
    page = at_desk.post(page_for(patient), {**monday_refused, "plan": shown.context["token"]})
    assert "plan" not in page.context
    assert rows_written() == [0, 0, 0, 0]


@pytest.mark.parametrize("nonsense", ["{", "[]", '{"type": "magic"}', '{"type": "slip", "days": -1}', "1" * 600])
def test_nonsense_to_suppose_is_no_change(at_desk, patient, site, version, nonsense):
    page = at_desk.post(page_for(patient), wishes(site, version, suppose=nonsense))
    assert (page.context["supposed"], len(page.context["plans"])) == ("", 3)


def test_what_does_not_fit_is_kept_for_the_waiting_list(at_desk, clerk, patient, site, version):
    kept = at_desk.post(page_for(patient), wishes(site, version, **narrow(step="wait")))
    course = Course.objects.get()
    assert kept.url == reverse("admin:desk_waiting_add", args=[course.pk])
    assert (course.status, course.patient, course.requested_by) == ("infeasible", patient, clerk)
    assert course.plan_message
    assert Session.objects.count() == 0


def test_a_second_click_finds_the_course_that_the_first_has_kept(at_desk, patient, site, version):
    asked = wishes(site, version, **narrow(step="wait"))
    kept = [at_desk.post(page_for(patient), asked).url for _ in range(2)]
    assert (len({*kept}), Course.objects.count()) == (1, 1)
    at_desk.post(page_for(patient), {**asked, "preferred_time": "15:15"})
    assert Course.objects.count() == 2


def test_what_fits_after_all_is_shown_instead_of_kept(at_desk, patient, site, version):
    page = at_desk.post(page_for(patient), wishes(site, version, step="wait"))
    assert (len(page.context["plans"]), Course.objects.count()) == (3, 0)


def test_a_copy_begins_with_the_wishes_of_the_course_and_its_newest_version(at_desk, course, site, stranger):
    Course.objects.filter(pk=course.pk).update(availability={"tue": [["08:00", "12:00"]]}, preferred_time=time(15))
    newer = ProtocolVersion.objects.create(protocol=course.version.protocol, number=2, status="draft")
    VisitType.objects.create(version=newer, code="visit", name="Visit")
    ProtocolVersion.objects.filter(pk=newer.pk).update(status="published", published_at=factories.NOW)
    form = at_desk.get(f"{page_for(course.patient)}&like={course.pk}").context["form"]
    assert form.initial == {
        "site": site,
        "earliest_start": "2026-11-24",
        "latest_start": "2026-12-07",
        "preferred_time": time(15),
        "availability": {"tue": [["08:00", "12:00"]]},
        "version": newer,
    }
    other = factories.make_patient(site=site)
    assert at_desk.get(f"{page_for(other)}&like={course.pk}").status_code == 404


# A new patient in the flow


NEW = {"given_name": "Rosa", "family_name": "Delgado", "birth_date": "1980-05-31", "phone": "212 555 0142", "email": ""}


def add_patient(client, site, *, agreed="", **changes):
    url = reverse("admin:scheduling_course_add")
    return client.post(url, {**NEW, "home_site": site.pk, "add_patient": agreed, **changes})


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("rosa delgado", {"given_name": "Rosa", "family_name": "Delgado"}),
        ("Delgado, Rosa Maria", {"given_name": "Rosa Maria", "family_name": "Delgado"}),
        ("delgado", {"given_name": "", "family_name": "Delgado"}),
        ("de la Cruz, Ana 05/31/1980", {"family_name": "De La Cruz", "given_name": "Ana", "birth_date": "1980-05-31"}),
        ("212 555-0142", {"phone": "212 555-0142"}),
    ],
)
def test_what_was_searched_for_is_filled_in_for_a_new_patient(at_desk, site, typed, known):
    page = search(at_desk, reverse("admin:scheduling_course_add"), typed)
    assert page.context["form"].initial == {"home_site": site, **known}
    assert '<details class="card more" open>' in page.content.decode()


def test_a_new_patient_is_saved_and_the_course_goes_on(at_desk, site):
    page = add_patient(at_desk, site)
    rosa = Patient.objects.get()
    assert page.url == page_for(rosa)
    assert (rosa.full_name, rosa.birth_date, rosa.phone, rosa.channel) == (
        "Rosa Delgado",
        date(1980, 5, 31),
        "212 555 0142",
        "print",  # without an address: a printed calendar and calls
    )
    add_patient(at_desk, site, family_name="Diaz", phone="", email="diaz@mail.example")
    assert Patient.objects.get(family_name="Diaz").channel == "email"


def test_somebody_who_may_be_known_is_asked_about_before_anything_is_saved(at_desk, site, patient, stranger):
    Patient.objects.filter(pk=patient.pk).update(phone="+1 (212) 555-0142")
    Patient.objects.filter(pk=stranger.pk).update(phone="+1 (212) 555-0142")
    Patient.objects.filter(pk=patient.pk).update(phone="(212) 555-0142")
    page = add_patient(at_desk, site)
    assert (page.context["same"], Patient.objects.count()) == ([patient], 2)
    assert f'href="?patient={patient.pk}"' in page.content.decode()
    assert add_patient(at_desk, site, agreed="999").context["same"] == [patient]
    saved = add_patient(at_desk, site, agreed=page.context["agreed"])
    assert saved.url == page_for(Patient.objects.get(family_name="Delgado"))


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"family_name": " "}, {"family_name": ["This field is required."]}),
        ({"birth_date": "2030-01-01"}, {"birth_date": ["This lies in the future, or before 1900."]}),
        ({"phone": "call me"}, {"phone": ["This is not a phone number such as +1 212 555 0101."]}),
        ({"phone": ""}, {"phone": ["This is empty, and so is email: the patient could not be told anything."]}),
    ],
)
def test_what_is_wrong_with_a_new_patient_is_said_at_its_field(at_desk, site, changes, faults):
    page = add_patient(at_desk, site, **changes)
    assert (page.context["form"].errors, Patient.objects.count()) == (faults, 0)


def test_a_new_patient_is_of_one_of_my_clinics(at_desk, other_site):
    assert list(add_patient(at_desk, other_site).context["form"].errors) == ["home_site"]
    assert Patient.objects.count() == 0
