"""Patients in the admin: whose they are, how they are found, when they can come, and who may be there twice."""

from datetime import UTC, date, datetime, time

import pytest
from django.urls import reverse

from clinic.models import Patient, PatientAbsence
from tests import factories
from tests.scheduling.desk.forms import add_row, fill
from tests.scheduling.desk.pressing import search

pytestmark = pytest.mark.django_db

LIST = "admin:clinic_patient_changelist"
ADD = "admin:clinic_patient_add"
NEW = {
    "given_name": "Grace",
    "family_name": "Gold",
    "phone": "+1 555 0142",
    "channel": "print",
    "birth_date": "1980-05-01",
}


@pytest.fixture
def desk(client, clerk):
    client.force_login(clerk)
    return client


def page_of(patient):
    return reverse("admin:clinic_patient_change", args=[patient.pk])


def found(client, text):
    return list(search(client, reverse(LIST), text).context["cl"].result_list)


def test_a_clerk_adds_a_patient_with_the_times_they_can_come(desk, site):
    week = {
        "availability_mon_0_from": "08:00",
        "availability_mon_0_to": "12:00",
        "availability_wed_0_from": "13:00",
        "availability_wed_0_to": "00:00",
    }
    response = fill(desk, reverse(ADD), "patient_form", **NEW, **week, preferred_time="09:30")
    assert response.status_code == 302
    patient = Patient.objects.get()
    assert (patient.home_site, patient.full_name, patient.birth_date) == (site, "Grace Gold", date(1980, 5, 1))
    assert (patient.preferred_time, patient.availability) == (
        time(9, 30),
        {"mon": [["08:00", "12:00"]], "wed": [["13:00", "24:00"]]},
    )


def test_a_wrong_availability_is_named_by_its_day_and_nothing_is_saved(desk):
    week = {"availability_mon_0_from": "12:00", "availability_mon_0_to": "08:00"}
    response = fill(desk, reverse(ADD), "patient_form", **NEW, **week)
    assert response.context["adminform"].form.errors == {
        "availability": ["Monday: 12:00 to 08:00 ends before it begins."]
    }
    assert not Patient.objects.exists()


def test_what_no_record_may_hold_is_refused_field_by_field(desk):
    wrong = {
        "given_name": "Gra\u200bce",
        "family_name": "Go\u202eld",
        "birth_date": "2190-01-01",
        "phone": "abc",
        "channel": "email",
    }
    assert fill(desk, reverse(ADD), "patient_form", **wrong).context["adminform"].form.errors == {
        "given_name": ["This holds a character that cannot be printed."],
        "family_name": ["This holds a character that cannot be printed."],
        "birth_date": ["This lies in the future, or before 1900."],
        "phone": ["This is not a phone number such as +1 212 555 0101."],
        "channel": ["This says e-mail, but there is no e-mail address."],
    }
    assert not Patient.objects.exists()


def test_a_patient_whom_nobody_could_tell_anything_is_refused(desk):
    response = fill(desk, reverse(ADD), "patient_form", **{**NEW, "phone": ""})
    assert response.context["adminform"].form.errors == {
        "phone": ["This is empty, and so is email: the patient could not be told anything."]
    }


def test_a_wrong_email_address_is_not_called_an_empty_one(desk):
    response = fill(desk, reverse(ADD), "patient_form", **{**NEW, "phone": "", "channel": "email", "email": "nobody"})
    assert response.context["adminform"].form.errors == {"email": ["Enter a valid email address."]}


def test_a_saved_availability_is_shown_again_and_can_be_emptied(desk, patient):
    Patient.objects.filter(pk=patient.pk).update(availability={"tue": [["08:00", "12:00"]]})
    assert fill(desk, page_of(patient), "patient_form").status_code == 302
    patient.refresh_from_db()
    assert patient.availability == {"tue": [["08:00", "12:00"]]}
    fill(desk, page_of(patient), "patient_form", availability_tue_0_from="", availability_tue_0_to="")
    patient.refresh_from_db()
    assert patient.availability is None


def test_absences_are_in_the_wall_clock_of_the_home_site(client, other_site, stranger):
    client.force_login(factories.make_user(sites=(factories.make_site(code="a"), other_site)))
    absence = {"start_0": "2026-12-01", "start_1": "08:00", "end_0": "2026-12-05", "end_1": "18:00"}
    response = fill(client, page_of(stranger), "patient_form", **add_row("absences", 0, **absence))
    assert response.status_code == 302
    assert PatientAbsence.objects.get().start == datetime(2026, 12, 1, 16, 0, tzinfo=UTC)  # Los Angeles


def test_patients_are_found_by_name_phone_birth_date_and_reference(desk, site):
    grace = factories.make_patient(
        site=site,
        given_name="Grace",
        family_name="Gold",
        phone="(555) 010-4242",
        birth_date=date(1980, 5, 1),
        reference="R-77",
    )
    factories.make_patient(site=site, given_name="Guy", family_name="Gray", phone="555 0199")
    searches = ["gold", "Grace Gold", "Gold, Grace", "5550104242", "010-4242", "1980-05-01", "05/01/1980", "R-77"]
    assert {text: found(desk, text) for text in searches} == {text: [grace] for text in searches}
    assert found(desk, "gold 1981-05-01") == []


def test_a_clerk_reaches_patients_of_home_and_of_courses_here_and_no_others(desk, site, other_site, patient, stranger):
    visitor = factories.make_patient(site=other_site, family_name="Visitor")
    factories.make_course(patient=visitor, site=site, version=factories.make_protocol())
    assert list(desk.get(reverse(LIST)).context["cl"].result_list) == [patient, visitor]
    assert found(desk, "Zeller") == []
    pages = [page_of(patient), page_of(visitor), page_of(stranger)]
    assert [desk.get(page).status_code for page in pages] == [200, 200, 404]
    assert desk.post(page_of(stranger), {"given_name": "Mine"}).status_code == 404
    assert desk.get(reverse("admin:clinic_patient_history", args=[stranger.pk])).status_code == 404


def test_each_clerk_has_their_own(client, clerk, other_clerk, patient, stranger):
    client.force_login(other_clerk)
    assert list(client.get(reverse(LIST)).context["cl"].result_list) == [stranger]
    assert client.get(page_of(patient)).status_code == 404


def test_a_visitor_keeps_their_home_site_and_hides_their_courses_elsewhere(desk, site, other_site, stranger):
    version = factories.make_protocol(code="here")
    factories.make_course(patient=stranger, site=site, version=version)
    factories.make_course(patient=stranger, site=other_site, version=factories.make_protocol(code="there"))
    response = fill(desk, page_of(stranger), "patient_form", home_site=site.pk, phone="555 0111")
    assert response.status_code == 302
    stranger.refresh_from_db()
    assert (stranger.home_site, stranger.phone) == (other_site, "555 0111")
    page = desk.get(page_of(stranger)).content.decode()
    assert "Protocol here" in page
    assert "Protocol there" not in page


def test_a_patient_cannot_be_given_to_a_site_that_is_not_ones_own(desk, other_site, patient):
    response = fill(desk, page_of(patient), "patient_form", home_site=other_site.pk)
    assert "home_site" in response.context["adminform"].form.errors


@pytest.mark.parametrize(
    "same",
    [
        {"family_name": "GOLD", "given_name": "grace", "birth_date": date(1980, 5, 1)},
        {"phone": "1-555-0142"},
    ],
)
def test_someone_who_may_be_there_already_is_shown_before_a_patient_is_added(desk, site, same):
    there = factories.make_patient(site=site, **same)
    response = fill(desk, reverse(ADD), "patient_form", **NEW)
    page = response.content.decode()
    assert "This may be someone who is already a patient." in page
    assert page_of(there) in page
    assert Patient.objects.count() == 1
    agreed = response.context["doubt"].token
    assert fill(desk, reverse(ADD), "patient_form", **NEW, agreed=agreed).status_code == 302
    assert Patient.objects.count() == 2


@pytest.mark.parametrize(
    "other",
    [
        {"family_name": "Gold", "given_name": "Grace", "birth_date": date(1981, 5, 1)},
        {"family_name": "Gold", "given_name": "Grace", "birth_date": None},
        {"family_name": "Gold", "given_name": "Greta", "birth_date": date(1980, 5, 1)},
        {"phone": "+1 555 0143"},
    ],
)
def test_someone_else_is_no_duplicate(desk, site, other):
    factories.make_patient(site=site, **other)
    assert fill(desk, reverse(ADD), "patient_form", **NEW).status_code == 302


def test_a_duplicate_at_another_site_is_not_told(desk, other_site):
    factories.make_patient(site=other_site, phone="+1 555 0142")
    assert fill(desk, reverse(ADD), "patient_form", **NEW).status_code == 302


def test_a_wrong_time_zone_is_refused_by_name(desk, patient):
    response = fill(desk, page_of(patient), "patient_form", timezone="New York")
    assert response.context["adminform"].form.errors == {
        "timezone": ["'New York' is not an IANA time zone such as America/New_York."]
    }


def test_a_clerk_deletes_no_patient(desk, patient):
    assert desk.post(reverse("admin:clinic_patient_delete", args=[patient.pk]), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in desk.get(reverse(LIST)).content.decode()


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_and_the_page_take_a_fixed_number_of_queries(desk, site, rows, django_assert_num_queries):
    version = factories.make_protocol()
    for _ in range(rows):
        patient = factories.make_patient(site=site)
    for _ in range(rows):
        factories.make_course(patient=patient, version=version)
        PatientAbsence.objects.create(patient=patient, start=factories.NOW, end=factories.NOW.replace(hour=20))
    desk.get(reverse(LIST))
    desk.get(page_of(patient))
    with django_assert_num_queries(6):
        desk.get(reverse(LIST))
    desk.get(page_of(patient))
    with django_assert_num_queries(16):
        desk.get(page_of(patient))
