"""From a request over REST to a booked course, and the acts on its sessions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from clinic.models import Patient, Site
from protocols.models import Protocol, ProtocolVersion
from scheduling.answers import record_answer
from scheduling.booking import plan_and_book
from scheduling.models import Course, CourseStatus, Hold, Notice, Session, SessionStatus
from scheduling.pausing import pause_course, propose_pause
from tests import factories
from tests.scheduling.api.conftest import pointers

# NOW is Monday 23 November 2026, 08:00 in New York; Thanksgiving week, but this site has no closures.
FIRST_DAYS = {"earliest_start": "2026-11-24", "latest_start": "2026-11-30"}


@pytest.fixture(autouse=True)
def _at_now():
    with time_machine.travel(factories.NOW, tick=False):
        yield


@pytest.fixture
def version(site: Site) -> ProtocolVersion:
    """Twice weekly for two weeks, in the one chair of the site."""
    factories.make_resource(site=site, kind="chair", name="Chair 1")
    return factories.make_protocol(code="short")


def body_of(patient: Patient, version: ProtocolVersion, **changes: Any) -> dict[str, Any]:
    wanted = {"patient": str(patient.uuid), "protocol": str(version.protocol.uuid), "preferred_time": "09:00"}
    return {**wanted, **FIRST_DAYS, **changes}


def ask(api: APIClient, patient: Patient, version: ProtocolVersion, **changes: Any) -> Any:
    return api.post("/api/v1/courses/", body_of(patient, version, **changes), format="json")


@pytest.fixture
def course(api: APIClient, patient: Patient, version: ProtocolVersion) -> Course:
    """Asked for over the API and booked."""
    answer = ask(api, patient, version)
    return plan_and_book(Course.objects.get(uuid=answer.json()["id"]).pk, now=factories.NOW)


def rows_of(*models: type[Model]) -> list[int]:
    return [model._default_manager.count() for model in models]


def test_a_course_is_accepted_and_then_booked(api: APIClient, patient: Patient, version: ProtocolVersion) -> None:
    answer = ask(api, patient, version)
    assert (answer.status_code, answer.json()["status"]) == (202, "planning")
    plan_and_book(Course.objects.get().pk, now=factories.NOW)
    body = api.get(answer["Location"]).json()
    assert (body["status"], body["message"], body["relaxations"]) == ("booked", "", [])
    assert [(s["track"], s["number"], s["local_start"]) for s in body["sessions"]] == [
        ("main", 1, "2026-11-24T09:00:00-05:00"),
        ("main", 2, "2026-11-27T09:00:00-05:00"),
        ("main", 3, "2026-12-01T09:00:00-05:00"),
        ("main", 4, "2026-12-04T09:00:00-05:00"),
    ]
    assert body["sessions"][0]["start"] == "2026-11-24T14:00:00Z"
    assert [hold["name"] for hold in body["sessions"][0]["holds"]] == ["Chair 1"]


def test_a_course_that_cannot_be_planned_says_why(api: APIClient, patient: Patient) -> None:
    version = factories.make_protocol(code="needs-a-device", needs=("tms_device",))
    answer = ask(api, patient, version)
    plan_and_book(Course.objects.get().pk, now=factories.NOW)
    body = api.get(answer["Location"]).json()
    assert (body["status"], body["sessions"]) == ("infeasible", [])
    assert body["message"]


def test_a_preview_shows_the_calendar_and_writes_nothing(
    api: APIClient, patient: Patient, version: ProtocolVersion
) -> None:
    models = (Course, Session, Hold, Notice)
    before = rows_of(*models)
    body = api.post("/api/v1/courses/preview/", body_of(patient, version), format="json").json()
    assert (body["status"], len(body["sessions"])) == ("planned", 4)
    assert body["sessions"][0]["start"] == "2026-11-24T09:00:00-05:00"
    assert rows_of(*models) == before


def test_a_preview_offers_further_plans_where_they_are_asked_for(
    api: APIClient, patient: Patient, version: ProtocolVersion
) -> None:
    models = (Course, Session, Hold, Notice)
    before = rows_of(*models)
    asked = body_of(patient, version, alternatives=2)
    body = api.post("/api/v1/courses/preview/", asked, format="json").json()
    seen = [(one["differs"], one["start_on"], one["time"], one["weekdays"]) for one in body["alternatives"]]
    assert seen == [
        (["start", "weekdays"], "2026-11-25", "09:00", ["wed", "fri"]),
        (["time"], "2026-11-24", "12:00", ["tue", "fri"]),
    ]
    assert [one["sessions"][0]["start"] for one in body["alternatives"]] == [
        "2026-11-25T09:00:00-05:00",
        "2026-11-24T12:00:00-05:00",
    ]
    costs = [sum(one["cost"].values()) for one in body["alternatives"]]
    assert costs == sorted(costs)
    assert sum(body["cost"].values()) < costs[0]
    assert rows_of(*models) == before
    plain = api.post("/api/v1/courses/preview/", body_of(patient, version), format="json").json()
    assert plain == {**body, "alternatives": []}


def test_further_plans_cost_no_further_queries(api: APIClient, patient: Patient, version: ProtocolVersion) -> None:
    counts = []
    for number in (0, 2, 2):  # the first fills what is cached
        with CaptureQueriesContext(connection) as queries:
            api.post("/api/v1/courses/preview/", body_of(patient, version, alternatives=number), format="json")
        counts.append(len(queries))
    assert counts[1] == counts[2] <= counts[0]


def test_a_preview_has_five_alternatives_at_most_and_a_course_none(
    api: APIClient, patient: Patient, version: ProtocolVersion
) -> None:
    many = api.post("/api/v1/courses/preview/", body_of(patient, version, alternatives=6), format="json")
    assert (many.status_code, pointers(many.json())) == (
        400,
        {"/alternatives": "Ensure this value is less than or equal to 5."},
    )
    asked = ask(api, patient, version, alternatives=2)
    assert (asked.status_code, pointers(asked.json())) == (400, {"/alternatives": "There is no such field."})
    assert not Course.objects.exists()


def test_the_same_reference_is_one_course(api: APIClient, patient: Patient, version: ProtocolVersion) -> None:
    first, second = (ask(api, patient, version, reference="R-7").json()["id"] for _ in range(2))
    assert first == second
    assert Course.objects.count() == 1


def test_every_fault_of_a_course_is_named(api: APIClient, stranger: Patient, version: ProtocolVersion) -> None:
    body = body_of(stranger, version, protocol="x", preferred_time="25:00", urgency="high")
    answer = api.post("/api/v1/courses/", body, format="json")
    assert answer.status_code == 400
    assert pointers(answer.json()) == {
        "/patient": "No patient at a site of this key has that id.",
        "/protocol": "Must be a valid UUID.",
        "/preferred_time": "Time has wrong format. Use one of these formats instead: hh:mm[:ss[.uuuuuu]].",
        "/urgency": "There is no such field.",
    }
    assert not Course.objects.exists()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"latest_start": "2026-11-20"}, {"/latest_start": "Lies before earliest_start."}),
        (
            {"earliest_start": "2026-11-01", "latest_start": "2026-11-02"},
            {"/latest_start": "The latest start lies in the past."},
        ),
        (
            {"earliest_start": "0001-01-01", "latest_start": "9999-12-31"},
            {
                "/earliest_start": "This day is more than two years away.",
                "/latest_start": "This day is more than two years away.",
            },
        ),
        (
            {"anchor_at": "2026-12-01T08:00:00-05:00"},
            {"/anchor_at": "This protocol is not counted from a date of its own."},
        ),
    ],
)
@pytest.mark.parametrize("path", ["courses/", "courses/preview/"])
def test_a_wish_that_cannot_be_is_refused(
    api: APIClient, patient: Patient, version: ProtocolVersion, path: str, changes: Any, fault: Any
) -> None:
    answer = api.post(f"/api/v1/{path}", body_of(patient, version, **changes), format="json")
    assert (answer.status_code, pointers(answer.json())) == (400, fault)
    assert not Course.objects.exists()


def test_a_start_at_the_end_of_time_has_no_day_two_weeks_later(
    api: APIClient, patient: Patient, version: ProtocolVersion
) -> None:
    body = body_of(patient, version, earliest_start="9999-12-30")
    del body["latest_start"]
    answer = api.post("/api/v1/courses/", body, format="json")
    assert (answer.status_code, set(pointers(answer.json()))) == (400, {"/earliest_start", "/latest_start"})


def test_a_protocol_of_another_site_is_not_there(
    api: APIClient, patient: Patient, version: ProtocolVersion, other_site: Site
) -> None:
    Protocol.objects.filter(pk=version.protocol_id).update(site=other_site)
    answer = ask(api, patient, version)
    assert pointers(answer.json()) == {"/protocol": "No published protocol usable by this key has that id."}


def test_a_session_moves_to_a_legal_time(api: APIClient, course: Course) -> None:
    session = course.sessions.get(number=1)
    answer = api.post(f"/api/v1/sessions/{session.uuid}/move/", {"start": "2026-11-24T15:00:00-05:00"}, format="json")
    assert (answer.status_code, answer.json()["start"], answer.json()["sequence"]) == (200, "2026-11-24T20:00:00Z", 1)


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59Z", "2099-01-01T15:00:00Z"])
def test_no_session_moves_out_of_reach(api: APIClient, course: Course, start: str) -> None:
    session = course.sessions.get(number=1)
    answer = api.post(f"/api/v1/sessions/{session.uuid}/move/", {"start": start}, format="json")
    assert (answer.status_code, [error["detail"] for error in answer.json()["errors"]]) == (
        409,
        ["A visit cannot be moved more than two years ahead."],
    )


def test_a_move_against_the_rules_lists_them_and_changes_nothing(api: APIClient, course: Course) -> None:
    session = course.sessions.get(number=1)
    answer = api.post(f"/api/v1/sessions/{session.uuid}/move/", {"start": "2026-11-28T05:00:00-05:00"}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    body = answer.json()
    assert body["type"] == "urn:cadence:problem:booking-refused"
    assert len(body["errors"]) > 1
    assert {error["session"] for error in body["errors"]} >= {"main 1"}
    session.refresh_from_db()
    assert (session.start, session.sequence) == (datetime.fromisoformat("2026-11-24T14:00:00+00:00"), 0)


def test_a_time_without_an_offset_is_read_in_utc_and_then_judged(api: APIClient, course: Course) -> None:
    session = course.sessions.get(number=1)
    answer = api.post(f"/api/v1/sessions/{session.uuid}/move/", {"start": "tomorrow"}, format="json")
    assert answer.status_code == 400
    assert list(pointers(answer.json())) == ["/start"]


def test_a_session_is_cancelled_alone(api: APIClient, course: Course) -> None:
    session = course.sessions.get(number=2)
    answer = api.post(f"/api/v1/sessions/{session.uuid}/cancel/", {"reason": "Away"}, format="json")
    assert (answer.status_code, answer.json()["status"], answer.json()["holds"]) == (200, "cancelled", [])
    assert course.sessions.filter(status=SessionStatus.BOOKED).count() == 3


def test_a_course_is_stopped(api: APIClient, course: Course) -> None:
    answer = api.post(f"/api/v1/courses/{course.uuid}/stop/", {"reason": "Moved away"}, format="json")
    assert (answer.status_code, answer.json()["status"]) == (200, CourseStatus.STOPPED)
    assert {s["status"] for s in answer.json()["sessions"]} == {"cancelled"}


@pytest.fixture
def sedating(patient: Patient, site: Site) -> Session:
    version = factories.make_protocol(sedating=True)
    return factories.make_session(
        course=factories.make_course(patient=patient, version=version), start=factories.NOW + timedelta(days=1)
    )


def driver_of(api: APIClient, session: Session, **body: Any) -> Any:
    return api.post(f"/api/v1/sessions/{session.uuid}/driver/", body, format="json")


def test_a_driver_is_named_over_rest_and_their_name_is_not_given_back(api: APIClient, sedating: Session) -> None:
    assert api.get(f"/api/v1/sessions/{sedating.uuid}/").json()["driver"] == {"status": "needed", "kind": "person"}
    answer = driver_of(api, sedating, name="Beth Abbott", phone="+1 212 555 0144")
    assert (answer.status_code, answer.json()["driver"]) == (200, {"status": "confirmed", "kind": "person"})
    assert "Beth" not in answer.content.decode()


def test_every_fault_of_a_driver_is_named(api: APIClient, sedating: Session) -> None:
    answer = driver_of(api, sedating, name="Beth Abbott", email="x")
    assert (answer.status_code, pointers(answer.json())) == (
        400,
        {
            "/phone": "The phone number of the driver is missing.",
            "/email": "The e-mail address of the driver is not one, such as name@example.com.",
        },
    )
    assert driver_of(api, sedating, kind="bus").status_code == 400


def test_visits_after_which_one_may_drive_have_no_driver(api: APIClient, course: Course) -> None:
    session = course.sessions.get(number=1)
    assert api.get(f"/api/v1/sessions/{session.uuid}/").json()["driver"] is None
    assert driver_of(api, session, name="Beth Abbott", phone="+1 212 555 0144").status_code == 409


def test_a_session_shows_what_the_patient_last_said_about_coming(api: APIClient, course: Course) -> None:
    session = course.sessions.get(number=1)
    assert api.get(f"/api/v1/sessions/{session.uuid}/").json()["answer"] is None
    said: dict[str, Any] = {"patient": course.patient, "session": session, "sequence": 0, "now": factories.NOW}
    record_answer(kind="confirmed", source="page", key="1", **said)
    record_answer(kind="declined", source="calendar", key="2", needs_staff=True, **said)
    assert api.get(f"/api/v1/sessions/{session.uuid}/").json()["answer"] == {
        "kind": "declined",
        "source": "calendar",
        "given_at": "2026-11-23T13:00:00Z",
        "wanted_start": None,
        "waits": True,
    }


def test_what_another_site_has_does_not_exist_for_a_key(stranger_api: APIClient, course: Course) -> None:
    session = course.sessions.first()
    assert session is not None
    assert stranger_api.get(f"/api/v1/courses/{course.uuid}/").status_code == 404
    assert stranger_api.post(f"/api/v1/courses/{course.uuid}/stop/", {"reason": "x"}, format="json").status_code == 404
    for act, body in (("move", {"start": "2026-11-24T15:00:00-05:00"}), ("cancel", {"reason": "x"})):
        answer = stranger_api.post(f"/api/v1/sessions/{session.uuid}/{act}/", body, format="json")
        assert answer.status_code == 404
    assert stranger_api.get("/api/v1/sessions/").json()["results"] == []
    assert stranger_api.get("/api/v1/courses/").json()["results"] == []


def test_openings_are_the_free_starts_of_a_visit(api: APIClient, course: Course, site: Site) -> None:
    query = {"site": str(site.uuid), "protocol": str(course.version.protocol.uuid), "visit_type": "visit"}
    answer = api.get("/api/v1/openings/", {**query, "first_on": "2026-11-24", "last_on": "2026-11-24"})
    starts = [opening["start"] for opening in answer.json()["results"]]
    assert (starts[0], starts[-1]) == ("2026-11-24T08:00:00-05:00", "2026-11-24T17:30:00-05:00")
    assert "2026-11-24T09:00:00-05:00" not in starts  # taken by the course
    assert len(starts) == 39 - 3
    assert {tuple(opening) for opening in answer.json()["results"]} == {("start", "holds")}


def test_openings_of_more_than_a_month_are_refused(api: APIClient, site: Site, version: ProtocolVersion) -> None:
    query = {"site": str(site.uuid), "protocol": str(version.protocol.uuid), "visit_type": "visit"}
    answer = api.get("/api/v1/openings/", {**query, "first_on": "2026-11-24", "last_on": "2027-03-01"})
    assert pointers(answer.json()) == {"/last_on": "Lies before first_on, or more than 31 days after it."}


@pytest.mark.parametrize("day", ["0001-01-01", "2099-01-01", "9999-12-31"])
def test_openings_out_of_reach_are_refused(api: APIClient, site: Site, version: ProtocolVersion, day: str) -> None:
    query = {"site": str(site.uuid), "protocol": str(version.protocol.uuid), "visit_type": "visit"}
    answer = api.get("/api/v1/openings/", {**query, "first_on": day, "last_on": day})
    assert pointers(answer.json()) == {"/first_on": "This day is more than two years away."}


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize(("path", "queries"), [("sessions", 6), ("courses", 3), ("protocols", 11)])
def test_a_list_takes_the_same_queries_for_one_row_and_for_thirty(
    api: APIClient, site: Site, django_assert_num_queries, path: str, queries: int, rows: int
) -> None:
    for number in range(rows):
        version = factories.make_protocol()
        row = Course.objects.create(
            patient=factories.make_patient(site=site),
            site=site,
            version=version,
            earliest_start=factories.a_day(),
            latest_start=factories.a_day(),
            preferred_time="09:00",
            requested_at=factories.NOW,
        )
        start = factories.NOW + timedelta(days=number)
        session = Session.objects.create(
            course=row,
            patient=row.patient,
            site=site,
            track=version.tracks.get(),
            visit_type=version.visit_types.get(),
            number=1,
            start=start,
            end=start + timedelta(minutes=30),
            local_date=start.date(),
            local_time=start.time(),
            timezone=site.timezone,
            status_at=start,
            created_at=start,
            changed_at=start,
        )
        chair = factories.make_resource(site=site, kind="chair")
        Hold.objects.create(session=session, position=0, resource=chair, start=session.start, end=session.end)
    with django_assert_num_queries(queries):
        assert len(api.get(f"/api/v1/{path}/").json()["results"]) == rows


def test_a_protocol_says_what_patients_must_do_in_both_languages(api: APIClient, site: Site) -> None:
    version = factories.make_protocol(site=site, publish=False)
    make = version.visit_types.get().instructions.create
    make(kind="no_food", minutes_before=120)
    make(kind="bring", text="Your list.", text_es="Su lista.")
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    [visit] = api.get(f"/api/v1/protocols/{version.protocol.uuid}/").json()["version"]["visit_types"]
    assert visit["instructions"] == [
        {"kind": "no_food", "minutes_before": 120, "text": "", "text_es": ""},
        {"kind": "bring", "minutes_before": None, "text": "Your list.", "text_es": "Su lista."},
    ]


def test_a_pause_and_a_rhythm_are_told(api: APIClient, course: Course) -> None:
    day = course.sessions.get(number=3).local_date
    shown = propose_pause(course, first_on=day, last_on=None, now=factories.NOW)
    pause_course(course, first_on=day, last_on=None, reason="", expected=shown.fingerprint, now=factories.NOW, by=None)
    course.refresh_from_db()
    course.rhythm = [{"first": 5, "per_period": 1, "period_days": 14}]
    course.save(update_fields=["rhythm"])
    body = api.get(f"/api/v1/courses/{course.uuid}/").json()
    assert (body["status"], body["paused_on"], body["paused_until"]) == ("paused", day.isoformat(), None)
    assert body["rhythm"] == [{"first": 5, "per_period": 1, "period_days": 14}]
    assert [s["status"] for s in body["sessions"]] == ["booked", "booked", "cancelled", "cancelled"]
