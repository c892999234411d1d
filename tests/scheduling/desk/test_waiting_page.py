"""The waiting list at the desk: put on, called in order, booked as shown, and every wrong click taken back."""

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.changes import freed_spans
from scheduling.models import Change, Course, Session, WaitingEntry, WaitingOffer
from scheduling.moving import cancel_session
from scheduling.waiting import add_to_waiting
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import make_course
from tests.scheduling.desk.pressing import told

pytestmark = pytest.mark.django_db


@pytest.fixture
def once(chair):
    """One visit of half an hour."""
    phases = ({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},)
    return factories.make_protocol(code="once", phases=phases)


@pytest.fixture
def entry(site, once):
    """Bea waits for a place, and can come when called four hours before."""
    bea = factories.make_patient(site=site, given_name="Bea", family_name="Berg", phone="+1 555 0143")
    course = make_course(patient=bea, version=once, status="infeasible")
    return add_to_waiting(course, need=1, short_notice_hours=4, now=NOW - timedelta(days=5))


def page(**query):
    return reverse("admin:desk_waiting", query=query)


def press(client, entry, act, **fields):
    return client.post(reverse("admin:desk_waiting_act", args=[entry.pk, act]), fields, follow=True)


def fields_of(place):
    names = ("start", "plan", "expected")
    fields = {name: place[name] for name in names if name in place}
    session = place["taker"].session
    return {**fields, "session": session.pk} if session else fields


def test_a_course_is_put_on_the_list_from_its_own_page(at_desk, clerk, course):
    url = reverse("admin:desk_waiting_add", args=[course.pk])
    assert url in at_desk.get(reverse("admin:scheduling_course_change", args=[course.pk])).content.decode()
    assert at_desk.get(url).context["form"].initial == {}
    listed = at_desk.post(url, {"need": "2", "short_notice_hours": "48"}, follow=True)
    assert told(listed) == ["Ada Abbott is on the waiting list."]
    entry = WaitingEntry.objects.get()
    assert (entry.course, entry.need, entry.short_notice_hours, entry.added_by) == (course, 2, 48, clerk)
    next_visit = course.sessions.earliest("start").local_start
    assert [row["wants"] for row in listed.context["rows"]] == [
        f"An earlier visit; the next is Tue, Nov 24, {next_visit:%-I:%M %p}"
    ]
    assert at_desk.get(url).context["form"].initial == {"need": 2, "short_notice_hours": 48}


def test_an_answer_that_is_no_choice_is_refused_at_its_field(at_desk, course):
    url = reverse("admin:desk_waiting_add", args=[course.pk])
    wrong = at_desk.post(url, {"need": "9"})
    assert list(wrong.context["form"].errors) == ["need", "short_notice_hours"]
    assert WaitingEntry.objects.count() == 0


def test_the_list_alone_plans_nothing(at_desk, entry):
    shown = at_desk.get(page())
    assert ([row["entry"] for row in shown.context["rows"]], "places" in shown.context) == ([entry], False)
    assert [row["wants"] for row in shown.context["rows"]] == ["A place for the whole course"]


def test_the_place_that_was_offered_is_booked_as_it_was_shown(at_desk, clerk, entry):
    [place] = at_desk.get(page(look=1)).context["places"]
    assert (place["what"], Session.objects.count()) == ("1 visit from Tue, Nov 24, 9:00 AM", 0)
    booked = press(at_desk, entry, "take", **fields_of(place))
    assert told(booked) == ["Bea Berg's course is booked. The patient is told within a few minutes."]
    assert [s.start for s in Session.objects.all()] == [place["taker"].start]
    assert (booked.context["rows"], [e.pk for e in booked.context["closed"]]) == ([], [entry.pk])
    again = press(at_desk, entry, "take", **fields_of(place))
    assert told(again) == ["This course does not wait any more. Nothing was changed; please look at the list again."]


def test_seats_that_a_cancelled_visit_set_free_are_offered_to_whoever_can_use_them(at_desk, clerk, course, entry):
    visit = course.sessions.order_by("start")[2]
    cancel_session(visit, reason="Traveling", now=NOW, by=clerk)
    change = Change.objects.get()
    shown = at_desk.get(page(change=change.uuid))
    start = visit.local_start
    assert shown.context["freed"] == [
        f"Chair 1: {start:%a, %b} {start.day}, {start:%-I:%M %p} to {visit.local_end:%-I:%M %p}"
    ]
    [place] = shown.context["places"]
    assert (place["taker"].start, place["fills"]) == (visit.start, "Uses 30 of 30 minutes set free")
    press(at_desk, entry, "take", **fields_of(place))
    assert freed_spans(change, now=NOW) == []
    after = at_desk.get(page(change=change.uuid))
    assert (after.context["freed"], after.context["places"]) == ([], [])


def test_an_earlier_visit_is_booked_as_it_was_shown(at_desk, course):
    Course.objects.filter(pk=course.pk).update(status="running")
    first, second, *_ = course.sessions.order_by("start")
    Session.objects.filter(pk=first.pk).update(status="completed")
    waiting = add_to_waiting(course, need=2, short_notice_hours=24, now=NOW)
    [place] = at_desk.get(page(look=1)).context["places"]
    assert (place["shift"]["old"], place["others"]) == (second.local_start, [])
    booked = press(at_desk, waiting, "take", **fields_of(place))
    assert told(booked) == ["Ada Abbott comes earlier. The patient is told within a few minutes."]
    second.refresh_from_db()
    assert second.start == place["taker"].start < place["shift"]["old"]


def test_a_plan_of_another_entry_or_person_is_not_booked(at_desk, client, clinician, entry, site, once):
    other = make_course(patient=factories.make_patient(site=site), version=once, status="infeasible")
    others = add_to_waiting(other, need=3, short_notice_hours=4, now=NOW)
    mine, _ = at_desk.get(page(look=1)).context["places"]
    wrong = ["What was offered does not stand any more. Nothing was changed; please look again."]
    assert told(press(at_desk, others, "take", **fields_of(mine))) == wrong
    assert told(press(at_desk, entry, "take", start="soon")) == wrong
    client.force_login(clinician)
    assert told(press(client, entry, "take", **fields_of(mine))) == wrong
    assert Session.objects.count() == 0


def test_declined_is_written_down_and_can_be_taken_back(at_desk, entry):
    Course.objects.filter(pk=entry.course_id).update(latest_start=a_day(1))
    [place] = at_desk.get(page(look=1)).context["places"]
    shown = press(at_desk, entry, "decline", start=place["start"], next=page(look=1))
    assert told(shown) == ["Written down: Bea Berg declined. They stay on the list."]
    assert place["start"] not in [other["start"] for other in shown.context["places"]]
    assert len(shown.context["rows"][0]["declined"]) == 1
    back = press(at_desk, entry, "undecline", offer=WaitingOffer.objects.get().pk, next=page(look=1))
    assert told(back) == ["Taken back: Bea Berg has not declined."]
    assert len(back.context["places"]) == 1


def test_what_was_done_can_be_undone_from_the_sentence_that_says_so(at_desk, entry):
    Course.objects.filter(pk=entry.course_id).update(latest_start=a_day(1))
    [place] = at_desk.get(page(look=1)).context["places"]
    done = [
        press(at_desk, entry, "decline", start=place["start"]),
        press(at_desk, entry, "undecline", offer=WaitingOffer.objects.get().pk),
        press(at_desk, entry, "withdraw"),
        press(at_desk, entry, "back"),
        press(at_desk, entry, "take", **fields_of(place)),
    ]
    undo = reverse("admin:desk_change_undo", args=[Change.objects.get().uuid])
    buttons = [reverse("admin:desk_waiting_act", args=[entry.pk, act]) for act in ("undecline", "back")] + [undo]
    pages = [page.content.decode() for page in done]
    assert [[url for url in buttons if f'action="{url}"' in html.split("<h1>")[0]] for html in pages] == [
        [buttons[0]],
        [],
        [buttons[1]],
        [],
        [undo],
    ]


def test_taken_off_the_list_by_mistake_they_are_put_back(at_desk, entry):
    off = press(at_desk, entry, "withdraw")
    assert (told(off), off.context["rows"]) == (["Bea Berg is off the waiting list."], [])
    back = press(at_desk, entry, "back")
    assert told(back) == ["Bea Berg is on the waiting list again."]
    assert [row["entry"].added_at for row in back.context["rows"]] == [NOW - timedelta(days=5)]


def test_the_list_of_another_clinic_does_not_exist(client, other_clerk, entry, course, clock):
    client.force_login(other_clerk)
    assert client.get(page(look=1)).context["rows"] == []
    change = Change.objects.create(site=course.site, kind="moved", summary="Visit 1 moved", made_at=NOW)
    urls = [
        page(change=change.uuid),
        reverse("admin:desk_waiting_add", args=[course.pk]),
    ]
    assert [client.get(url).status_code for url in urls] == [404, 404]
    assert press(client, entry, "withdraw").status_code == 404
    assert client.get(page(change="nonsense")).status_code == 404


def test_buttons_are_pressed_and_not_followed(at_desk, entry):
    assert at_desk.get(reverse("admin:desk_waiting_act", args=[entry.pk, "withdraw"])).status_code == 405
    assert at_desk.post(reverse("admin:desk_waiting_act", args=[entry.pk, "delete"])).status_code == 404


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_takes_the_same_queries_for_one_as_for_thirty(at_desk, site, once, count, django_assert_num_queries):
    for number in range(count):
        patient = factories.make_patient(site=site)
        waiting = make_course(patient=patient, version=once, status="infeasible")
        add_to_waiting(waiting, need=1 + number % 3, short_notice_hours=24, now=NOW)
    at_desk.get(page())
    with django_assert_num_queries(8):
        assert len(at_desk.get(page()).context["rows"]) == count
