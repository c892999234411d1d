"""Links that open nothing: wrong, expired, of another time, of a cancelled visit, used. They say so, and no more."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clinic.models import Patient
from scheduling.models import PatientLink, Session
from tests.scheduling.messages import cast
from tests.scheduling.patient.visiting import BOB, NOW, digest_of_database, path_to, read, send, text_of

UNKNOWN = "/v/AbCdEfGhIjKlMnOpQrStUv"
PAGES = ["", "/confirm", "/driver", "/cannot-come", "/time", "/time/20261216T1500Z"]
CLOSED = "This link is no longer valid. Please call the clinic: +1 555 0100"


def refuses_everything(path: str, *, status: int) -> bool:
    """Every page and every act behind the link, with the database unchanged."""
    before = digest_of_database()
    for page in PAGES:
        read_status = Client().get(path + page).status_code
        assert read_status == status, page
        assert Client().post(path + page, BOB).status_code in ({status, 405} if page in {"", "/time"} else {status})
    return digest_of_database() == before


@pytest.mark.parametrize("path", [UNKNOWN, "/v/", "/v/x", "/v/../admin", f"{UNKNOWN}x/confirm/more", "/v/%00", "/v/é"])
def test_unknown_link_names_neither_clinic_nor_person(visit: Session, path: str) -> None:
    response = read(path)
    said = text_of(response)
    assert (response.status_code, response["Cache-Control"], response["X-Robots-Tag"]) == (
        404,
        "no-store",
        "noindex, nofollow",
    )
    assert "This link is no longer valid. Please call the clinic" in said
    assert "Riverside" not in said and "555" not in said


@pytest.mark.parametrize(("page", "method"), [("", "post"), ("/time", "post"), ("/confirm", "put"), ("", "options")])
def test_answer_to_another_method_is_discreet_too(visit: Session, page: str, method: str) -> None:
    for path in (path_to(visit), UNKNOWN):
        response = getattr(Client(), method)(path + page)
        headers = [response[name] for name in ("Cache-Control", "X-Robots-Tag", "Referrer-Policy")]
        assert (response.status_code, headers) == (405, ["no-store", "noindex, nofollow", "strict-origin"])


FILL = """
INSERT INTO scheduling_patientlink (uuid, session_id, patient_id, sequence, digest, created_at, expires_at)
SELECT gen_random_uuid(), id, patient_id, n, md5(n::text), now(), now()
FROM scheduling_session, generate_series(1, 5000) AS n
"""


def test_unknown_link_costs_one_query_by_an_index(visit: Session) -> None:
    with CaptureQueriesContext(connection) as queries:
        read(UNKNOWN)
    assert len(queries) == 1
    # What else the query joins is one row each; in which order is the planner's affair, and depends on its statistics.
    found = re.search(r'WHERE ("scheduling_patientlink"."digest" = \S+) ORDER BY', queries[0]["sql"])
    assert found
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("analyze scheduling_patientlink")
        cursor.execute(f"explain select * from scheduling_patientlink where {found[1]}")  # noqa: S608 - Django's own
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert PatientLink.objects.count() == 5000
    assert re.match(r"Index Scan using scheduling_patientlink_digest", plan)


def test_unknown_link_does_nothing(visit: Session) -> None:
    assert refuses_everything(UNKNOWN, status=404)


def test_link_is_over_when_the_visit_begins(visit: Session, clock: time_machine.Traveller) -> None:
    path = path_to(visit)
    clock.move_to(visit.start - timedelta(seconds=1), tick=False)
    assert read(path).status_code == 200
    clock.move_to(visit.start, tick=False)
    assert CLOSED in text_of(read(path))
    assert refuses_everything(path, status=410)


def test_link_of_the_time_before_is_over_and_the_new_one_opens(visit: Session) -> None:
    path = path_to(visit)
    cast.move(visit, visit.start + timedelta(days=1), now=NOW)
    assert CLOSED in text_of(read(path))
    assert refuses_everything(path, status=410)
    assert read(path_to(visit)).status_code == 200


def test_link_of_a_cancelled_visit_is_over(visit: Session) -> None:
    path = path_to(visit)
    cast.cancel(visit, now=NOW)
    assert CLOSED in text_of(read(path))
    assert refuses_everything(path, status=410)


def test_link_of_a_visit_given_to_somebody_else_is_over(visit: Session, stranger: Patient) -> None:
    path = path_to(visit)
    PatientLink.objects.update(patient=stranger)
    assert refuses_everything(path, status=410)


def test_used_link_is_over_and_says_what_it_was_used_for(visit: Session) -> None:
    path = path_to(visit)
    send(f"{path}/cannot-come")
    said = text_of(read(path))
    assert "We know that you cannot come" in said
    assert "To change anything, please call us." in said
    assert "December" not in said and "A." not in said
    assert refuses_everything(path, status=410)


def test_used_link_says_nothing_any_more_once_the_visit_has_begun(
    visit: Session, clock: time_machine.Traveller
) -> None:
    path = path_to(visit)
    send(f"{path}/cannot-come")
    clock.move_to(visit.start, tick=False)
    assert text_of(read(path)).startswith(CLOSED)


def test_dead_links_speak_both_languages(visit: Session) -> None:
    page = read(UNKNOWN).content.decode()
    assert ('lang="en"' in page, 'lang="es"' in page) == (True, True)
