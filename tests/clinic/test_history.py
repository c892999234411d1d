"""The audit trail as staff read it: who changed what, written by the database and by nothing else."""

from datetime import date, time

import pghistory
import pytest
from django.db import ProgrammingError, connection, transaction

from clinic.api_keys import create_key
from clinic.history import FieldChange, Trail, read_history
from clinic.models import ApiKey, ApiKeySite, Closure, Patient, Role, Site, StaffSite, User
from tests import factories

pytestmark = pytest.mark.django_db


def lines(changes):
    return [(change.by, change.act, change.what, change.fields) for change in changes]


def test_a_change_names_its_author_the_field_and_both_values(patient, clerk):
    with pghistory.context(user=clerk.pk, url="/admin/"):
        patient.phone = "555 0111"
        patient.availability = {"mon": [["08:00", "12:00"]]}
        patient.preferred_time = time(9, 30)
        patient.save()
    assert lines(read_history([Trail(Patient, patient.pk)]))[0] == (
        "Cleo Clerk",
        "Changed",
        "patient",
        (
            FieldChange("phone", "–", "555 0111"),
            FieldChange("preferred time", "–", "09:30"),
            FieldChange("availability", "–", "Monday 08:00-12:00"),
        ),
    )


def test_bulk_updates_and_raw_sql_are_kept_too(patient):
    Patient.objects.filter(pk=patient.pk).update(given_name="Bea")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clinic_patient SET given_name = 'Cat' WHERE id = %s", [patient.pk])
    changes = lines(read_history([Trail(Patient, patient.pk)]))[:2]
    assert [fields for _, _, _, fields in changes] == [
        (FieldChange("given name", "Bea", "Cat"),),
        (FieldChange("given name", "Ada", "Bea"),),
    ]
    assert {by for by, _, _, _ in changes} == {"Cadence"}


def test_a_change_of_role_is_kept_with_the_words_staff_know(clerk, administrator):
    with pghistory.context(user=administrator.pk):
        User.objects.filter(pk=clerk.pk).update(role=Role.CLINICIAN)
    by, act, what, fields = lines(read_history([Trail(User, clerk.pk)]))[0]
    assert (by, act, what) == (str(administrator), "Changed", "staff account")
    assert fields == (FieldChange("role", "Front desk", "Clinician"),)


def test_the_sites_of_an_account_are_kept_when_given_and_when_taken(clerk, site, other_site):
    clerk.sites.add(other_site)
    clerk.sites.remove(site)
    changes = lines(read_history([Trail(StaffSite, clerk.pk, "user")]))
    assert changes == [
        ("Cadence", "Removed", "site of the account", (FieldChange("site", "Clinic riverside", "–"),)),
        ("Cadence", "Added", "site of the account", (FieldChange("site", "–", "Clinic hillside"),)),
        ("Cadence", "Added", "site of the account", (FieldChange("site", "–", "Clinic riverside"),)),
    ]


def test_the_sites_of_a_key_and_what_a_key_changed_are_kept(patient, site, now):
    key, _ = create_key(name="Portal", sites=[site], scopes=["read"], now=now)
    assert lines(read_history([Trail(ApiKeySite, key.pk, "apikey")])) == [
        ("Cadence", "Added", "site of the key", (FieldChange("site", "–", "Clinic riverside"),)),
    ]
    with pghistory.context(api_key=str(key.uuid)):
        Patient.objects.filter(pk=patient.pk).update(phone="1")
    assert read_history([Trail(Patient, patient.pk)])[0].by == "Key of Portal"


def test_rows_that_were_removed_stay_in_the_history_of_what_they_belonged_to(site):
    Closure.objects.create(site=site, first_on=date(2026, 12, 24), last_on=date(2026, 12, 26)).delete()
    fields = (FieldChange("first day", "2026-12-24", "–"), FieldChange("last day", "2026-12-26", "–"))
    assert lines(read_history([Trail(Closure, site.pk, "site")]))[0] == ("Cadence", "Removed", "closure", fields)


@pytest.mark.parametrize("statement", ["UPDATE {} SET pgh_label = 'x'", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["clinic_patientevent", "clinic_staffsiteevent", "clinic_userevent"])
def test_the_trail_itself_cannot_be_changed(patient, clerk, statement, table):
    with pytest.raises(ProgrammingError, match="Cannot update or delete rows"), transaction.atomic():
        connection.cursor().execute(statement.format(table))


def test_the_trail_holds_no_passwords_and_no_key_hashes_are_shown(clerk, site, now):
    key, text = create_key(name="Portal", sites=[site], scopes=["read"], now=now)
    event = User._meta.get_field("events").related_model
    assert "password" not in {field.name for field in event._meta.fields}
    shown = str(read_history([Trail(ApiKey, key.pk), Trail(User, clerk.pk)]))
    assert key.key_hash not in shown
    assert text not in shown


@pytest.mark.parametrize("rows", [1, 30])
def test_reading_takes_a_fixed_number_of_queries(site, clerk, rows, django_assert_num_queries):
    for number in range(rows):
        other = factories.make_site(code=f"s{number}")
        with pghistory.context(user=clerk.pk):
            clerk.sites.add(other)
            Site.objects.filter(pk=site.pk).update(phone=str(number))
    trails = [Trail(Site, site.pk), Trail(Closure, site.pk, "site"), Trail(StaffSite, clerk.pk, "user")]
    with django_assert_num_queries(5):
        assert len(read_history(trails)) == 2 + 2 * rows
