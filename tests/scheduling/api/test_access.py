"""Who gets in, and that a key of one site sees nothing of another."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from clinic.api_keys import create_key
from clinic.models import ApiKey, Patient, Scope, Site
from tests import factories


def test_no_key_is_refused_with_a_challenge(db: None) -> None:
    answer = APIClient().get("/api/v1/sites/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:cadence:problem:not-authenticated"


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic abc", "Bearer", "Bearer a b"])
def test_a_wrong_key_is_refused(db: None, header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    assert client.get("/api/v1/sites/").status_code == 401


def test_a_key_in_the_query_is_not_a_key(site: Site) -> None:
    _, text = create_key(name="n", sites=[site], scopes=[Scope.READ], now=factories.NOW)
    assert APIClient().get(f"/api/v1/sites/?key={text}").status_code == 401


@pytest.mark.parametrize("change", [{"revoked_at": factories.NOW}, {"expires_at": factories.NOW}])
def test_a_revoked_or_expired_key_is_refused(site: Site, api: APIClient, change: dict[str, object]) -> None:
    ApiKey.objects.update(**change)
    with time_machine.travel(factories.NOW + timedelta(minutes=1)):
        assert api.get("/api/v1/sites/").status_code == 401


def test_the_use_of_a_key_is_noted(site: Site, api: APIClient) -> None:
    with time_machine.travel(factories.NOW, tick=False):
        api.get("/api/v1/sites/")
    assert ApiKey.objects.get().last_used_at == factories.NOW


def test_what_a_key_writes_is_audited_under_its_name(site: Site, api: APIClient) -> None:
    body = {"home_site": str(site.uuid), "given_name": "Ines", "family_name": "Ibarra", "phone": "+1 555 0101"}
    assert api.post("/api/v1/patients/", body, format="json").status_code == 201
    event = Patient.objects.get().events.get()  # type: ignore[attr-defined]  # pghistory adds it
    assert event.pgh_context.metadata["api_key"] == str(ApiKey.objects.get().uuid)


def test_writing_needs_its_scope(site: Site, key_of) -> None:
    reader = key_of(site, scopes=[Scope.READ])
    answer = reader.post("/api/v1/patients/", {}, format="json")
    assert (answer.status_code, answer.json()["detail"]) == (403, "The key lacks the scope 'patients'.")


def test_a_key_of_one_site_sees_nothing_of_another(
    api: APIClient, stranger_api: APIClient, patient: Patient, stranger: Patient
) -> None:
    for path, pk in (("patients", stranger.uuid), ("sites", stranger.home_site.uuid)):
        assert api.get(f"/api/v1/{path}/{pk}/").status_code == 404
        assert stranger_api.get(f"/api/v1/{path}/{pk}/").status_code == 200
    assert [row["id"] for row in api.get("/api/v1/patients/").json()["results"]] == [str(patient.uuid)]


def test_an_unknown_path_is_a_problem_document(api: APIClient) -> None:
    answer = api.get("/api/v1/nothing/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_method_that_is_not_there_is_a_problem_document(api: APIClient, site: Site) -> None:
    answer = api.delete(f"/api/v1/sites/{site.uuid}/")
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:cadence:problem:method-not-allowed")


def test_a_body_that_is_not_json_is_refused(api: APIClient) -> None:
    for body in ("{", "[" * 100_000):
        answer = api.post("/api/v1/patients/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:cadence:problem:parse-error")
