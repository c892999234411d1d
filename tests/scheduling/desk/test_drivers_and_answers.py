"""On the page of a visit: who takes the patient home, and what the patient answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.answers import record_answer
from scheduling.booking import book_course
from scheduling.drivers import name_driver
from scheduling.messages.call_list import describe_calls
from scheduling.models import Answer, AnswerKind, AnswerSource, Driver, Notice, NoticeStatus, Session
from scheduling.moving import cancel_session, move_session
from scheduling.offers import ask_for_time, offer_times
from scheduling.planning import propose_course
from tests import factories
from tests.scheduling import calendar
from tests.scheduling.desk.pressing import told


@pytest.fixture
def sedating(patient, chair, clock):
    """The first visit of a course after which somebody must take the patient home."""
    asked = calendar.make_course(patient=patient, version=factories.make_protocol(sedating=True))
    booked = book_course(asked, plan=propose_course(asked, now=factories.NOW).plan, now=factories.NOW)
    return Session.objects.filter(course=booked).earliest("start")


@pytest.fixture
def declined(sedating):
    return record_answer(
        patient=sedating.patient,
        session=sedating,
        kind=AnswerKind.DECLINED,
        source=AnswerSource.CALENDAR,
        key="reply-1",
        sequence=sedating.sequence,
        comment="<b>on a journey</b>",
        needs_staff=True,
        now=factories.NOW,
    )


def page_of(session):
    return reverse("admin:scheduling_session_change", args=[session.pk])


def press(client, session, act, **fields):
    return client.post(reverse("admin:desk_driver_act", args=[session.pk, act]), fields, follow=True)


BETH = {"kind": "person", "name": "Beth Abbott", "phone": "+1 212 555 0144", "email": "beth@mail.example"}


def test_a_clerk_writes_down_who_takes_the_patient_home(at_desk, sedating):
    assert "Nobody named yet" in at_desk.get(page_of(sedating)).content.decode()
    answer = press(at_desk, sedating, "name", **BETH)
    driver = Driver.objects.get(session=sedating)
    assert told(answer) == ["Written down: Beth Abbott."]
    assert (driver.status, driver.name, driver.phone, driver.email) == (
        "named",
        "Beth Abbott",
        "+1 212 555 0144",
        "beth@mail.example",
    )
    assert told(press(at_desk, sedating, "confirm")) == ["Confirmed: Beth Abbott."]
    driver.refresh_from_db()
    assert driver.is_settled
    assert told(press(at_desk, sedating, "clear")) == ["Taken off. Nobody is named for this visit now."]
    driver.refresh_from_db()
    assert (driver.status, driver.name) == ("needed", "")


def test_a_driver_who_agreed_counts_at_once(at_desk, sedating):
    press(at_desk, sedating, "name", **BETH, confirmed="yes")
    assert Driver.objects.get(session=sedating).status == "confirmed"


def test_a_fault_in_the_form_is_named_and_nothing_is_written(at_desk, sedating):
    answer = press(at_desk, sedating, "name", **{**BETH, "phone": "", "email": "x"})
    assert told(answer) == [
        "The phone number of the driver is missing.",
        "The e-mail address of the driver is not one, such as name@example.com.",
    ]
    assert Driver.objects.get(session=sedating).status == "needed"


def test_a_ride_service_is_offered_only_where_the_site_allows_it(at_desk, sedating, site):
    assert at_desk.get(page_of(sedating)).context["home"]["kinds"] == []
    site.allows_ride_service = True
    site.save()
    assert [kind for kind, _ in at_desk.get(page_of(sedating)).context["home"]["kinds"]] == ["person", "ride_service"]
    assert told(press(at_desk, sedating, "name", kind="ride_service", confirmed="yes")) == [
        "Written down: Taxi or ride service."
    ]


def test_visits_after_which_one_may_drive_ask_for_nobody(at_desk, first):
    assert at_desk.get(page_of(first)).context["home"] is None


def test_what_the_patient_answered_stands_at_the_visit_and_is_work_until_done(at_desk, clerk, sedating, declined):
    text = at_desk.get(page_of(sedating)).content.decode()
    assert "Declined in their calendar" in text
    assert "&lt;b&gt;on a journey&lt;/b&gt;" in text
    url = reverse("admin:desk_answer_act", args=[sedating.pk, declined.pk, "done"])
    assert told(at_desk.post(url, {"how": "They come after all"}, follow=True)) == ["Done."]
    declined.refresh_from_db()
    assert (declined.handled_by, declined.handled_how) == (clerk, "They come after all")
    assert Notice.objects.get(answer=declined).status == NoticeStatus.DONE
    assert told(at_desk.post(url, follow=True)) == ["Somebody has done this already."]
    sedating.refresh_from_db()
    assert sedating.status == "booked"


def test_ticking_off_the_call_settles_the_answer(at_desk, clerk, sedating, declined):
    call = Notice.objects.get(answer=declined)
    [listed] = [c for c in at_desk.get(reverse("admin:desk_call_list")).context["calls"] if c["notice"] == call]
    assert listed["visit_url"] == page_of(sedating)
    page = at_desk.get(reverse("admin:desk_call_list")).content.decode()
    assert "Declined in their calendar" in page
    assert "&lt;b&gt;on a journey&lt;/b&gt;" in page
    at_desk.post(reverse("admin:desk_call_done", args=[call.pk]))
    declined.refresh_from_db()
    assert (declined.handled_by, declined.handled_how) == (clerk, "Called")


def press_answer(client, answer, act):
    url = reverse("admin:desk_answer_act", args=[answer.session_id, answer.pk, act])
    return told(client.post(url, follow=True))


@pytest.fixture
def wish(sedating):
    """The patient asks for the first other time that is offered to them."""
    offer = offer_times(sedating, now=factories.NOW)[0]
    return ask_for_time(sedating, start=offer.start, expected=offer.expected, key="wish-1", now=factories.NOW)


def test_a_wish_for_another_time_is_booked_with_one_click(at_desk, sedating, wish):
    [row] = at_desk.get(page_of(sedating)).context["answers"]
    assert (row["waits"], row["may_approve"]) == (True, True)
    [said] = press_answer(at_desk, wish, "approve")
    assert said == f"Moved to {row['wanted']}. The patient is told within a few minutes."
    sedating.refresh_from_db()
    assert (sedating.start, sedating.sequence) == (wish.wanted_start, 1)
    assert press_answer(at_desk, wish, "approve") == ["Somebody has acted on this wish already."]


def test_a_wish_that_is_not_granted_leaves_the_visit_where_it_is(at_desk, sedating, wish):
    assert press_answer(at_desk, wish, "decline") == ["The visit stays at its time. No message goes out for this."]
    was, sequence = sedating.start, sedating.sequence
    sedating.refresh_from_db()
    wish.refresh_from_db()
    assert (sedating.start, sedating.sequence, wish.handled_how) == (was, sequence, "The time stays")


def test_a_wish_about_an_earlier_time_is_only_ticked_off(at_desk, clerk, sedating, wish):
    start = offer_times(sedating, now=factories.NOW)[1].start
    move_session(sedating, start=start, now=factories.NOW, by=clerk)
    [row] = at_desk.get(page_of(sedating)).context["answers"]
    assert (row["waits"], row["may_approve"]) == (True, False)
    assert press_answer(at_desk, wish, "decline") == ["The visit has changed since the patient asked."]
    assert press_answer(at_desk, wish, "done") == ["Done."]
    wish.refresh_from_db()
    assert wish.handled_how == "Spoken to"


def test_what_was_said_about_an_earlier_time_is_marked(at_desk, clerk, sedating):
    said = {"patient": sedating.patient, "session": sedating, "kind": "confirmed", "source": "page", "key": "1"}
    record_answer(**said, sequence=sedating.sequence, now=factories.NOW)
    assert not at_desk.get(page_of(sedating)).context["answers"][0]["is_earlier"]
    start = offer_times(sedating, now=factories.NOW)[0].start
    move_session(sedating, start=start, now=factories.NOW, by=clerk)
    page = at_desk.get(page_of(sedating))
    assert page.context["answers"][0]["is_earlier"]
    assert "About an earlier time" in page.content.decode()


def test_who_phones_the_patient_hears_that_the_driver_has_declined_since(at_desk, sedating, clock):
    name_driver(sedating, kind="person", name="Beth Abbott", phone="+1 212 555 0144", now=factories.NOW)
    call = Notice.objects.create(
        patient=sedating.patient, course=sedating.course, session=sedating, kind="driver_reminder", channel="call",
        key="call", message_id="<1@clinic.example>", sequence=0, due_at=factories.NOW, created_at=factories.NOW,
    )  # fmt: skip
    said = "Their calendar has since declined the pick-up: ask again, or phone them."
    assert said not in describe_calls([call], now=factories.NOW)[call.pk].lines
    record_answer(
        patient=sedating.patient, session=sedating, kind="driver_no", source="calendar", key="no",
        now=factories.NOW + timedelta(hours=1), needs_staff=True,
    )  # fmt: skip
    lines = describe_calls([call], now=factories.NOW)[call.pk].lines
    assert lines[-2:] == ("Beth Abbott, +1 212 555 0144 takes them home.", said)


def test_nobody_has_to_act_on_answers_about_a_visit_that_is_cancelled(at_desk, clerk, sedating, declined):
    cancel_session(sedating, reason="Away", now=factories.NOW, by=clerk)
    declined.refresh_from_db()
    assert (declined.handled_how, declined.handled_by) == ("The visit was cancelled", clerk)
    assert not Notice.objects.filter(answer=declined, status=NoticeStatus.DUE).exists()


def test_an_answer_is_found_only_at_its_own_visit_and_clinic(client, at_desk, other_clerk, first, sedating, declined):
    wrong = reverse("admin:desk_answer_act", args=[first.pk, declined.pk, "done"])
    assert at_desk.post(wrong).status_code == 404
    client.force_login(other_clerk)
    for url in (
        reverse("admin:desk_answer_act", args=[sedating.pk, declined.pk, "done"]),
        reverse("admin:desk_driver_act", args=[sedating.pk, "clear"]),
    ):
        assert client.post(url).status_code == 404
    assert Answer.objects.get().handled_at is None
