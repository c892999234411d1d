"""What is changed of a whole course: each act shows its plan first, and does what it showed or nothing."""

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.booking import book_course
from scheduling.models import Course
from scheduling.pausing import propose_pause
from scheduling.planning import propose_course
from tests import factories
from tests.scheduling import calendar
from tests.scheduling.desk.pressing import act, told

pytestmark = pytest.mark.django_db


def url_of(course, act):
    return reverse("admin:desk_course_act", kwargs={"pk": course.pk, "act": act})


def show(client, course, act, **fields):
    return client.post(url_of(course, act), {**fields, "step": "show"})


def confirm(client, course, act, shown, **fields):
    sent = {**dict(shown.context["hidden"]), **fields, "step": "book"}
    return client.post(url_of(course, act), sent, follow=True)


def states_of(course):
    return list(course.sessions.order_by("number", "pk").values_list("number", "status", "set_aside", "start"))


def rows_of(page):
    return [(row["label"], row["look"], row["old"], row["new"]) for row in page.context["plan"]["rows"]]


def test_a_pause_is_asked_shown_and_then_made(at_desk, course):
    before = states_of(course)
    asked = at_desk.get(url_of(course, "pause"))
    assert "plan" not in asked.context
    assert asked.context["form"].initial == {"first_on": factories.a_day(1)}
    days = {"first_on": factories.a_day(1).isoformat(), "last_on": factories.a_day(8).isoformat()}
    shown = show(at_desk, course, "pause", **days)
    found = propose_pause(course, first_on=factories.a_day(1), last_on=factories.a_day(8), now=factories.NOW)
    assert [(old, new) for _, _, old, new in rows_of(shown)] == [
        (shift.old_start, shift.new_start) for shift in found.shifts
    ]
    assert states_of(course) == before
    done = confirm(at_desk, course, "pause", shown, **days, reason="A journey")
    assert told(done) == ["The course is paused. The patient is told within a few minutes."]
    course.refresh_from_db()
    assert (course.status, course.paused_on, course.paused_until, course.pause_reason) == (
        "booked",
        factories.a_day(1),
        factories.a_day(8),
        "A journey",
    )
    assert all(start.date() > factories.a_day(8) for _, _, _, start in states_of(course))


def test_a_pause_without_an_end_sets_aside_and_going_on_plans_again(at_desk, course, clerk):
    first_on = factories.a_day(1).isoformat()
    shown = show(at_desk, course, "pause", first_on=first_on, last_on="")
    assert shown.context["sentences"] == ["4 visits are set aside: planned again when the course goes on."]
    confirm(at_desk, course, "pause", shown, first_on=first_on, last_on="", reason="In hospital")
    page = at_desk.get(reverse("admin:scheduling_course_change", args=[course.pk]))
    text = page.content.decode()
    assert page.context["counts"]["set_aside"] == 4
    assert '0 <span class="quiet small">of 4</span>' in text
    assert "Paused from Tue, Nov 24 until somebody resumes it" in text
    assert "Add a visit" not in text
    again = at_desk.get(url_of(course, "resume"))
    assert again.context["plan"]["summary"] == "4 visits are planned again."
    on = (factories.a_day(14)).isoformat()
    shown = show(at_desk, course, "resume", on=on)
    planned = [new for _, _, _, new in rows_of(shown)]
    done = confirm(at_desk, course, "resume", shown, on=on)
    assert told(done) == ["The course goes on. The patient is told within a few minutes."]
    assert [(status, aside) for _, status, aside, _ in states_of(course)] == [("booked", False)] * 4
    assert sorted(start for _, _, _, start in states_of(course)) == sorted(planned)


def test_without_a_reason_nothing_is_done_and_the_plan_stays_in_view(at_desk, course):
    days = {"first_on": factories.a_day(1).isoformat(), "last_on": ""}
    page = confirm(at_desk, course, "pause", show(at_desk, course, "pause", **days), **days, reason=" ")
    assert page.context["form"].errors == {"reason": ["Reason: say it in a few words."]}
    assert page.context["plan"]["summary"] == "4 visits are set aside."
    assert Course.objects.get(pk=course.pk).paused_on is None


def test_what_cannot_be_says_why_and_has_no_button(at_desk, course):
    yesterday = (factories.a_day() - timedelta(days=1)).isoformat()
    page = show(at_desk, course, "pause", first_on=yesterday, last_on="")
    assert [refusal.message for refusal in page.context["refusals"]] == ["A pause begins today or later."]
    assert "Leave it as it is" not in page.content.decode()
    assert show(at_desk, course, "pause", first_on="soon").context["form"].errors == {
        "first_on": ["Enter a valid date."]
    }


def test_other_days_than_those_shown_are_shown_before_they_are_done(at_desk, course):
    days = {"first_on": factories.a_day(1).isoformat(), "last_on": factories.a_day(3).isoformat()}
    shown = show(at_desk, course, "pause", **days)
    other = {**days, "last_on": factories.a_day(8).isoformat()}
    page = confirm(at_desk, course, "pause", shown, **other, reason="A journey")
    assert told(page) == ["What would change is not what was shown any more. Nothing was changed; please look again."]
    assert len(page.context["plan"]["rows"]) > len(shown.context["plan"]["rows"])
    assert Course.objects.get(pk=course.pk).paused_on is None


def test_the_second_of_two_clerks_sees_that_the_course_changed(at_desk, course):
    shown = at_desk.get(url_of(course, "stop"))
    course.sessions.filter(number=4).update(status="cancelled")
    page = confirm(at_desk, course, "stop", shown, reason="Moved away")
    assert told(page) == ["What would change is not what was shown any more. Nothing was changed; please look again."]
    assert page.context["plan"]["summary"] == "3 visits are given up."
    assert Course.objects.get(pk=course.pk).status == "booked"


def test_a_visit_is_added_at_the_end(at_desk, course):
    before = states_of(course)
    shown = at_desk.get(url_of(course, "add"))
    assert shown.context["plan"]["summary"] == "1 visit is new."
    ((label, look, old, new),) = rows_of(shown)
    assert (label, look, old) == ("Visit 5", "added", None)
    done = confirm(at_desk, course, "add", shown, track="main")
    assert told(done) == ["Added. The patient is told within a few minutes."]
    assert states_of(course) == [*before, (5, "booked", False, new)]


def test_a_visit_is_skipped_with_a_reason_and_the_others_keep_their_times(at_desk, course):
    before = states_of(course)
    third = course.sessions.get(number=3)
    url = reverse("admin:desk_session_skip", args=[third.pk])
    shown = at_desk.get(url)
    assert rows_of(shown) == [("Visit 3", "gone", third.start, None)]
    sent = dict(shown.context["hidden"]) | {"step": "book"}
    assert at_desk.post(url, sent).context["form"].errors == {"reason": ["Reason: say it in a few words."]}
    done = at_desk.post(url, {**sent, "reason": "Holiday"}, follow=True)
    assert told(done) == ["Skipped. The patient is told within a few minutes."]
    third.refresh_from_db()
    assert (third.status, third.cancel_reason) == ("cancelled", "Holiday")
    left = [(start, status) for _, status, _, start in states_of(course) if status == "booked"]
    assert left == [(start, status) for number, status, _, start in before if number != 3]


def test_the_second_of_two_clerks_does_not_skip_what_was_moved(at_desk, course, clock):
    third = course.sessions.get(number=3)
    url = reverse("admin:desk_session_skip", args=[third.pk])
    sent = dict(at_desk.get(url).context["hidden"]) | {"step": "book", "reason": "Holiday"}
    later = third.start + timedelta(minutes=30)
    act(at_desk, third, "move", start=later.isoformat())
    page = at_desk.post(url, sent, follow=True)
    assert "not what was shown any more" in told(page)[-1]
    assert rows_of(page) == [("Visit 3", "gone", later, None)]
    third.refresh_from_db()
    assert third.status == "booked"


@pytest.fixture
def going_on(patient, chair, clock):
    """Two weeks twice a week, then every two weeks until a clinician ends it."""
    induction = {"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}
    upkeep = {"periods": 1, "period_days": 14, "per_period": 1, "min_gap_hours": 44, "slip_days": 3, "open_ended": True}
    version = factories.make_protocol(code="going-on", phases=(induction, upkeep))
    asked = calendar.make_course(patient=patient, version=version)
    return book_course(asked, plan=propose_course(asked, now=factories.NOW).plan, now=factories.NOW)


def test_the_rhythm_of_what_goes_on_is_a_clinicians(at_desk, clinician, going_on):
    page = reverse("admin:scheduling_course_change", args=[going_on.pk])
    assert "A clinician decides about another rhythm." in at_desk.get(page).content.decode()
    assert at_desk.get(url_of(going_on, "rhythm")).status_code == 403
    at_desk.force_login(clinician)
    text = at_desk.get(page).content.decode()
    assert "Now: every two weeks" in text
    assert f"{url_of(going_on, 'rhythm')}?rhythm=1/7" in text


def test_another_rhythm_is_shown_and_then_holds(at_desk, clinician, going_on):
    at_desk.force_login(clinician)
    shown = at_desk.get(url_of(going_on, "rhythm"), {"rhythm": "1/7"})
    wanted = rows_of(shown)
    assert {look for _, look, _, _ in wanted} <= {"added", "moves"}
    done = confirm(at_desk, going_on, "rhythm", shown, rhythm="1/7")
    assert told(done) == ["The rhythm is changed. The patient is told within a few minutes."]
    starts = set(going_on.sessions.live().values_list("start", flat=True))
    assert {new for _, _, _, new in wanted} <= starts
    going_on.refresh_from_db()
    assert going_on.rhythm == [{"first": 5, "per_period": 1, "period_days": 7}]


def test_a_course_that_ends_by_itself_has_no_rhythm_to_choose(at_desk, clinician, course):
    at_desk.force_login(clinician)
    assert (
        "Goes on until" not in at_desk.get(reverse("admin:scheduling_course_change", args=[course.pk])).content.decode()
    )
    assert show(at_desk, course, "rhythm", rhythm="1/7").context["form"].errors.keys() == {"rhythm"}


def test_a_copy_begins_as_the_course(at_desk, course):
    page = at_desk.get(reverse("admin:scheduling_course_change", args=[course.pk])).content.decode()
    url = f"{reverse('admin:scheduling_course_add')}?patient={course.patient_id}&like={course.pk}"
    assert url.replace("&", "&amp;") in page
    initial = at_desk.get(url).context["form"].initial
    assert (initial["version"], initial["preferred_time"]) == (course.version, course.preferred_time)


def test_an_act_that_is_none_and_a_course_elsewhere_are_not_there(at_desk, client, course, other_clerk):
    assert at_desk.get(url_of(course, "explode")).status_code == 404
    client.force_login(other_clerk)
    assert client.get(url_of(course, "pause")).status_code == 404
