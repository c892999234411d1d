"""The History page: for everyone who may see the record, in the record's own clock, and read-only."""

import pytest
from django.urls import reverse

from clinic.models import Closure
from tests.scheduling.desk.forms import add_row, fill

pytestmark = pytest.mark.django_db


def test_a_change_made_in_the_admin_is_shown_with_its_author(client, clerk, patient):
    client.force_login(clerk)
    fill(client, reverse("admin:clinic_patient_change", args=[patient.pk]), "patient_form", phone="555 0111")
    page = client.get(reverse("admin:clinic_patient_history", args=[patient.pk]))
    change = page.context["page"].object_list[0]
    assert (change.by, change.act, change.what) == ("Cleo Clerk", "Changed", "patient")
    assert [(field.name, field.before, field.after) for field in change.fields] == [("phone", "–", "555 0111")]
    assert "Cleo Clerk" in page.content.decode()


def test_the_history_of_a_site_tells_of_its_closures(client, site_admin, site):
    client.force_login(site_admin)
    row = add_row("closures", 0, first_on="2026-12-24", last_on="2026-12-24", reason="Painters")
    fill(client, reverse("admin:clinic_site_change", args=[site.pk]), "site_form", **row)
    Closure.objects.all().delete()
    page = client.get(reverse("admin:clinic_site_history", args=[site.pk])).content.decode()
    assert page.count("Painters") == 2
    assert "Added closure" in page
    assert "Removed closure" in page


def test_the_history_of_an_account_tells_of_its_sites(client, administrator, clerk, other_site):
    client.force_login(administrator)
    page = reverse("admin:clinic_user_change", args=[clerk.pk])
    fill(client, page, "user_form", sites=[other_site.pk], role="clinician")
    changes = client.get(reverse("admin:clinic_user_history", args=[clerk.pk])).context["page"].object_list
    made_here = {(change.act, change.what) for change in changes if change.by == str(administrator)}
    assert made_here == {
        ("Changed", "staff account"),
        ("Added", "site of the account"),
        ("Removed", "site of the account"),
    }


def test_the_history_is_not_for_those_who_may_not_see_the_record(client, clerk, site_admin):
    client.force_login(clerk)
    assert client.get(reverse("admin:clinic_user_history", args=[site_admin.pk])).status_code == 403


def test_the_history_of_a_visit_is_headed_by_what_staff_call_it(at_desk, first):
    page = at_desk.get(reverse("admin:scheduling_session_history", args=[first.pk]))
    assert page.context["title"] == "History of Main 1, Tue, Nov 24"
