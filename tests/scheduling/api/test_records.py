from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from clinic.models import Outage, Patient, ResourceHours, Site
from tests import factories
from tests.scheduling.api.conftest import pointers


def patient_body(site: Site, **changes: object) -> dict[str, object]:
    return {"home_site": str(site.uuid), "given_name": "Ines", "family_name": "Ibarra", **changes}


def test_a_site_is_read_whole(api: APIClient, site: Site) -> None:
    assert api.get(f"/api/v1/sites/{site.uuid}/").json() == {
        "id": str(site.uuid),
        "code": "riverside",
        "name": "Clinic riverside",
        "timezone": "America/New_York",
        "address": "1 Main Street, Springfield",
        "phone": "+1 555 0100",
        "grid_minutes": 15,
        "opening_hours": {day: [["08:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    }


def test_a_patient_is_created_and_read_back(api: APIClient, site: Site) -> None:
    answer = api.post(
        "/api/v1/patients/",
        patient_body(site, email="ines@mail.example", availability={"mon": [["08:00", "12:00"]]}),
        format="json",
    )
    assert answer.status_code == 201
    assert answer["Location"].endswith(f"/api/v1/patients/{answer.json()['id']}/")
    assert (
        api.get(answer["Location"]).json()
        == answer.json()
        == {
            "id": str(Patient.objects.get().uuid),
            "home_site": str(site.uuid),
            "reference": "",
            "given_name": "Ines",
            "family_name": "Ibarra",
            "birth_date": None,
            "email": "ines@mail.example",
            "phone": "",
            "language": "en",
            "channel": "email",
            "reminders_by": "channel",
            "timezone": "",
            "preferred_time": None,
            "availability": {"mon": [["08:00", "12:00"]]},
        }
    )


def test_every_fault_of_a_patient_is_named(api: APIClient, other_site: Site) -> None:
    body = {
        "home_site": str(other_site.uuid),
        "given_name": "Ines",
        "birth_date": "31.12.1980",
        "timezone": "Mars/Base",
        "availability": {"mon": [["12:00", "08:00"]]},
        "diagnosis": "x",
    }
    answer = api.post("/api/v1/patients/", body, format="json")
    assert answer.status_code == 400
    assert pointers(answer.json()) == {
        "/home_site": "No site of this key has that id.",
        "/family_name": "This field is required.",
        "/birth_date": "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
        "/timezone": "'Mars/Base' is not an IANA time zone such as America/New_York.",
        "/availability": "mon: 12:00-08:00 ends before it begins.",
        "/diagnosis": "There is no such field.",
    }
    assert not Patient.objects.exists()


def test_what_no_record_may_hold_is_refused_field_by_field(api: APIClient, site: Site) -> None:
    body = patient_body(site, birth_date="1899-12-31", phone="1", channel="email", reference="R\u200b1")
    answer = api.post("/api/v1/patients/", {**body, "given_name": "In\u202ees"}, format="json")
    assert (answer.status_code, pointers(answer.json())) == (
        400,
        {
            "/given_name": "This holds a character that cannot be printed.",
            "/reference": "This holds a character that cannot be printed.",
            "/birth_date": "This lies in the future, or before 1900.",
            "/phone": "This is not a phone number such as +1 212 555 0101.",
            "/channel": "This says e-mail, but there is no e-mail address.",
        },
    )
    assert not Patient.objects.exists()


def test_a_patient_is_reached_by_phone_or_email_and_otherwise_refused(api: APIClient, site: Site) -> None:
    answer = api.post("/api/v1/patients/", patient_body(site), format="json")
    fault = "This is empty, and so is email: the patient could not be told anything."
    assert (answer.status_code, pointers(answer.json())) == (400, {"/phone": fault})
    answer = api.post("/api/v1/patients/", patient_body(site, phone="+1 555 0101"), format="json")
    assert (answer.status_code, answer.json()["channel"]) == (201, "print")


def test_a_change_cannot_take_away_how_the_patient_is_reached(api: APIClient, patient: Patient) -> None:
    answer = api.patch(f"/api/v1/patients/{patient.uuid}/", {"email": ""}, format="json")
    assert (answer.status_code, pointers(answer.json())) == (
        400,
        {
            "/phone": "This is empty, and so is email: the patient could not be told anything.",
            "/channel": "This says e-mail, but there is no e-mail address.",
        },
    )


def test_a_patient_is_changed_in_the_fields_given(api: APIClient, patient: Patient) -> None:
    answer = api.patch(f"/api/v1/patients/{patient.uuid}/", {"phone": "+1 555 0177"}, format="json")
    assert (answer.status_code, answer.json()["phone"], answer.json()["family_name"]) == (200, "+1 555 0177", "Abbott")


def test_a_patient_who_is_treated_here_keeps_their_home_elsewhere(
    api: APIClient, stranger_api: APIClient, site: Site, stranger: Patient
) -> None:
    path = f"/api/v1/patients/{stranger.uuid}/"
    factories.make_course(patient=stranger, site=site, version=factories.make_protocol())
    answer = api.patch(path, {"home_site": str(site.uuid)}, format="json")
    assert (answer.status_code, pointers(answer.json())) == (
        400,
        {"/home_site": "The patient's home site is not one of this key's: it keeps them."},
    )
    assert stranger_api.get(path).status_code == 200


def test_a_reference_in_use_is_refused_without_saying_whose(
    api: APIClient, patient: Patient, stranger: Patient
) -> None:
    Patient.objects.filter(pk=stranger.pk).update(reference="R-1")
    answer = api.patch(f"/api/v1/patients/{patient.uuid}/", {"reference": "R-1"}, format="json")
    assert (answer.status_code, pointers(answer.json())) == (400, {"/reference": "This reference is in use."})


def test_an_unknown_filter_is_a_fault(api: APIClient) -> None:
    answer = api.get("/api/v1/resources/?colour=red")
    assert (answer.status_code, pointers(answer.json())) == (400, {"/colour": "There is no such field."})


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize(("path", "queries"), [("patients", 3), ("resources", 4), ("sites", 4)])
def test_a_list_takes_the_same_queries_for_one_row_and_for_thirty(
    db: None,
    key_of,
    django_assert_num_queries,
    path: str,
    queries: int,
    rows: int,
) -> None:
    sites = [factories.make_site() for _ in range(rows)]
    for site in sites:
        factories.make_patient(site=site)
        resource = factories.make_resource(site=site, kind="chair")
        ResourceHours.objects.create(resource=resource, weekday=0, opens_at="08:00", closes_at="00:00")
        Outage.objects.create(resource=resource, start=factories.NOW, end=factories.NOW.replace(hour=20))
    client = key_of(*sites)
    with django_assert_num_queries(queries):
        assert len(client.get(f"/api/v1/{path}/").json()["results"]) == rows


def test_pages_follow_each_other_without_gap_or_repeat(api: APIClient, site: Site) -> None:
    made = [str(factories.make_patient(site=site).uuid) for _ in range(7)]
    seen, address = [], "/api/v1/patients/?limit=3"
    while address:
        body = api.get(address).json()
        seen += [row["id"] for row in body["results"]]
        address = body["next"]
    assert seen == made


def consents(api: APIClient, patient: Patient, path: str = "", **body: Any) -> Any:
    url = f"/api/v1/patients/{patient.uuid}/consents/{path}"
    return api.post(url, body, format="json") if body else api.get(url)


def test_a_consent_is_given_and_taken_back_by_another_system(api: APIClient, patient: Patient) -> None:
    Patient.objects.filter(pk=patient.pk).update(phone="+1 212 555 0101")
    answer = consents(api, patient, purpose="sms", wording="You agree to texts.")
    assert answer.status_code == 200
    [shown] = consents(api, patient).json()["results"]
    assert {**shown, "given_at": ""} == {
        "purpose": "sms",
        "number": "+12125550101",
        "wording": "You agree to texts.",
        "source": "system",
        "given_at": "",
        "holds": True,
    }
    assert consents(api, patient, "withdraw/", purpose="sms").json() == {"results": []}


def test_a_consent_to_texts_needs_a_number_they_can_reach(api: APIClient, patient: Patient) -> None:
    answer = consents(api, patient, purpose="sms", wording="You agree to texts.")
    assert (answer.status_code, pointers(answer.json())) == (
        400,
        {"/phone": "This phone number is none that a text message can reach."},
    )
    assert consents(api, patient, purpose="sms").status_code == 400


def test_consents_need_the_scope_and_the_site(
    key_of: Callable[..., APIClient], site: Site, stranger_api: APIClient, patient: Patient
) -> None:
    assert consents(key_of(site, scopes=["read"]), patient, purpose="detail", wording="x").status_code == 403
    assert consents(stranger_api, patient, purpose="detail", wording="x").status_code == 404
