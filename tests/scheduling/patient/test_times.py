"""Another time, chosen on the page: shown in full before it is agreed to, then moved, asked for or refused whole."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from clinic.models import Patient, PatientMoves, Site
from scheduling.booking import book_course
from scheduling.messages.wording import moment_text
from scheduling.models import Answer, Hold, Notice, PatientLink, Session
from scheduling.offers import Offer, offer_times
from scheduling.planning import propose_course
from scheduling.rearranging import propose_move
from tests import factories
from tests.scheduling import calendar
from tests.scheduling.patient.visiting import NOW, digest_of_database, path_to, read, text_of

TWICE_WEEKLY = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}


@pytest.fixture
def site(db: None) -> Site:
    site = factories.make_site(code="riverside", patient_moves=PatientMoves.DIRECT)
    factories.make_resource(site=site, kind="chair", name="Chair 1")
    return site


@pytest.fixture
def visit(patient: Patient) -> Session:
    """The second of six visits, two a week."""
    asked = calendar.make_course(patient=patient, version=factories.make_protocol(minutes=60, phases=(TWICE_WEEKLY,)))
    course = book_course(asked, plan=propose_course(asked, now=NOW).plan, now=NOW)
    return course.sessions.order_by("start")[1]


def offer_of(visit: Session) -> Offer:
    """A time that moves no other visit."""
    return offer_times(Session.objects.get(pk=visit.pk), now=NOW)[0]


def page_of(visit: Session, start: datetime) -> str:
    return path_to(visit, f"/time/{start:%Y%m%dT%H%MZ}")


def agree(path: str) -> Any:
    browser = Client()
    page = browser.get(path).content.decode()
    expected = re.search(r'name="expected" value="(\w+)"', page)
    return browser.post(path, {"expected": expected[1] if expected else ""})


def starts(visit: Session) -> dict[int, datetime]:
    return dict(Session.objects.filter(course=visit.course_id).values_list("pk", "start"))


def test_times_stand_under_their_days_and_lead_to_a_page_each(visit: Session) -> None:
    page = read(path_to(visit, "/time")).content.decode()
    offers = offer_times(visit, now=NOW)
    assert re.findall(r'href="[^"]*/time/(\w+)"', page) == [f"{o.start:%Y%m%dT%H%MZ}" for o in sorted_by_time(offers)]
    days = re.findall(r"<h2>(.*?)</h2>", page)
    assert days == sorted(set(days), key=days.index)
    assert len(days) == len({offer.start.astimezone(visit.site.zone).date() for offer in offers})


def sorted_by_time(offers: list[Offer]) -> list[Offer]:
    return sorted(offers, key=lambda offer: offer.start)


def test_looking_at_times_changes_nothing(visit: Session) -> None:
    alone = offer_of(visit)
    paths = [path_to(visit, "/time"), page_of(visit, alone.start)]
    before = digest_of_database()
    for path in paths:
        assert (read(path).status_code, Client().head(path).status_code) == (200, 200)
    assert digest_of_database() == before


def test_agreeing_moves_the_visit_at_once_and_opens_its_new_link(visit: Session) -> None:
    alone = offer_of(visit)
    old = path_to(visit)
    response = agree(page_of(visit, alone.start))
    assert starts(visit)[visit.pk] == alone.start
    assert response.status_code == 303
    new = "/v/" + response["Location"].rpartition("/")[2]
    assert "You chose this time. We expect you then." in text_of(read(new))
    assert new != old
    said = text_of(read(old))
    assert "Your appointment has moved" in said and "December" not in said
    answer = Answer.objects.get()
    assert (answer.kind, answer.sequence, answer.wanted_start, answer.needs_staff) == ("moved", 1, alone.start, False)
    assert PatientLink.objects.get(session=visit, sequence=0).used_at == NOW


def test_what_else_moves_is_shown_before_and_after_and_moves_together(visit: Session) -> None:
    """From Friday to Monday: so near the next visit, on Tuesday, that this must move too."""
    path = page_of(visit, visit.start + timedelta(days=3))
    shown = propose_move(visit, start=visit.start + timedelta(days=3), now=NOW)
    [shift] = shown.others
    page = text_of(read(path))
    zone = visit.site.zone
    old, new = (moment_text(moment.astimezone(zone)) for moment in (shift.old_start, shift.new_start))
    assert f"These visits would move with it Now {old} New {new} All others stay as they are." in page
    before = starts(visit)
    assert agree(path).status_code == 303
    assert starts(visit) == {**before, **{s.session_id: s.new_start for s in shown.shifts}}


def test_agreeing_twice_moves_once(visit: Session) -> None:
    alone = offer_of(visit)
    path = page_of(visit, alone.start)
    browser = Client()
    expected = re.search(r'name="expected" value="(\w+)"', browser.get(path).content.decode())[1]  # type: ignore[index]
    statuses = [browser.post(path, {"expected": expected}).status_code for _ in range(2)]
    assert statuses == [303, 410]
    assert (Session.objects.get(pk=visit.pk).sequence, Answer.objects.count()) == (1, 1)


def test_time_taken_meanwhile_is_refused_and_the_link_stays_open(visit: Session) -> None:
    alone = offer_of(visit)
    path = page_of(visit, alone.start)
    browser = Client()
    expected = re.search(r'name="expected" value="(\w+)"', browser.get(path).content.decode())[1]  # type: ignore[index]
    other = factories.make_course(patient=factories.make_patient(site=visit.site), version=factories.make_protocol())
    chair = Hold.objects.filter(session=visit).get().resource
    factories.make_session(course=other, start=alone.start, minutes=60, resources=(chair,))
    before = starts(visit)
    response = browser.post(path, {"expected": expected})
    assert (response.status_code, starts(visit)) == (409, before)
    assert "This time is not free any more" in text_of(response)
    assert PatientLink.objects.get().used_at is None
    assert read(path_to(visit)).status_code == 200


def test_more_moves_than_were_shown_are_refused(visit: Session) -> None:
    alone = offer_of(visit)
    before = starts(visit)
    response = Client().post(page_of(visit, alone.start), {"expected": "of something else"})
    assert (response.status_code, starts(visit), Answer.objects.count()) == (409, before, 0)


@pytest.mark.parametrize("at", ["20261224T0300Z", "19990101T0000Z", "tomorrow", "20261215T1400Z;drop"])
def test_time_that_is_not_to_be_had_is_said_to_be_so(visit: Session, at: str) -> None:
    path = path_to(visit, f"/time/{at}")
    before = digest_of_database()
    for response in (read(path), Client().post(path, {"expected": ""})):
        assert response.status_code in {404, 409}
        assert "This time is not free any more" in text_of(response)
    assert digest_of_database() == before


def test_where_staff_approve_it_is_a_wish_and_a_call_and_nothing_moves(visit: Session) -> None:
    Site.objects.update(patient_moves=PatientMoves.APPROVAL)
    visit.site.refresh_from_db()
    alone = offer_of(visit)
    before = starts(visit)
    response = agree(page_of(visit, alone.start))
    assert response.status_code == 200
    assert "Until then your appointment stays as it is." in text_of(response)
    answer = Answer.objects.get()
    assert (answer.kind, answer.sequence, answer.wanted_start, answer.needs_staff) == (
        "move_wanted",
        0,
        alone.start,
        True,
    )
    assert (starts(visit), Notice.objects.filter(kind="answer", channel="call").count()) == (before, 1)
    assert "We have your wish" in text_of(read(path_to(visit)))


def test_a_wish_that_was_sent_without_what_it_was_shown_is_none(visit: Session) -> None:
    Site.objects.update(patient_moves=PatientMoves.APPROVAL)
    path = page_of(visit, offer_of(visit).start)
    statuses = [Client().post(path, form).status_code for form in ({}, {"expected": ""})]
    assert (statuses, Answer.objects.count(), PatientLink.objects.get().used_at) == ([409, 409], 0, None)


def test_where_patients_phone_no_time_is_offered(visit: Session) -> None:
    alone = offer_of(visit)
    Site.objects.update(patient_moves=PatientMoves.NO)
    before = starts(visit)
    assert "Choose another time" not in text_of(read(path_to(visit)))
    for path in (path_to(visit, "/time"), page_of(visit, alone.start)):
        assert "Please call us, and we will find another time together." in text_of(read(path))
    Client().post(page_of(visit, alone.start), {"expected": alone.expected})
    assert starts(visit) == before


def test_chosen_language_is_kept_on_the_new_link(visit: Session) -> None:
    alone = offer_of(visit)
    path = f"{page_of(visit, alone.start)}?lang=es"
    browser = Client()
    expected = re.search(r'name="expected" value="(\w+)"', browser.get(path).content.decode())[1]  # type: ignore[index]
    assert browser.post(path, {"expected": expected})["Location"].endswith("?lang=es")
