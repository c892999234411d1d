"""The list of what came in: what it was, what became of it, and who sees which row."""

from __future__ import annotations

import pytest
from django.urls import reverse

from scheduling.models import Inbound
from tests import factories

pytestmark = pytest.mark.django_db
LIST = reverse("admin:scheduling_inbound_changelist")


def come_in(key, **fields):
    values = {"source": "mailbox", "kind": "reply", "outcome": "Declined", "received_at": factories.NOW, **fields}
    return Inbound.objects.create(key=key, **values)


@pytest.fixture
def came_in(first, patient):
    """One of each: about a visit, from an address that was not invited to it, about a patient, about nobody."""
    return {
        "reply": come_in("a", patient=patient, session=first),
        "forged": come_in("b", kind="left alone", outcome="not from the address that was invited", session=first),
        "text": come_in("c", source="sms", kind="text", outcome="stop", patient=patient),
        "nobody": come_in("d", source="sms", kind="unknown", outcome="nobody has this number"),
        "fault": come_in("e", kind="left alone", outcome="fault ValueError"),
    }


def shown(client):
    return set(client.get(LIST).context["cl"].result_list)


def test_a_clerk_sees_what_is_about_visits_and_patients_of_their_clinic(at_desk, came_in):
    assert shown(at_desk) == {came_in["reply"], came_in["forged"], came_in["text"]}


def test_a_clerk_of_another_clinic_sees_nothing(client, other_clerk, came_in, clock):
    client.force_login(other_clerk)
    assert shown(client) == set()


def test_a_visit_elsewhere_is_shown_there_and_not_at_the_patients_home(at_desk, came_in, first, other_site):
    type(first).objects.filter(pk=first.pk).update(site=other_site)
    assert shown(at_desk) == {came_in["text"]}


def test_what_is_about_nobody_is_for_superusers(client, came_in, clock):
    client.force_login(factories.make_user(role="site_admin", is_superuser=True))
    assert shown(client) == set(came_in.values())
    page = client.get(LIST).content.decode()
    assert ("Could not be read" in page, "ValueError" in page) == (True, False)


def test_a_row_says_what_it_was_and_leads_to_patient_and_visit(at_desk, came_in, first, patient):
    page = at_desk.get(LIST).content.decode()
    said = ("Left alone", "not from the address that was invited", "Wants no more texts", "Reply of a calendar")
    links = [reverse("admin:clinic_patient_change", args=[patient.pk])]
    links.append(reverse("admin:scheduling_session_change", args=[first.pk]))
    assert [text for text in (*said, *links) if text not in page] == []


def test_what_was_left_alone_can_be_picked_out(at_desk, came_in):
    rows = at_desk.get(LIST, {"kind": "left alone"}).context["cl"].result_list
    assert list(rows) == [came_in["forged"]]


def test_a_row_has_no_page_and_is_never_changed(at_desk, came_in):
    pk = came_in["reply"].pk
    pages = {page: reverse(f"admin:scheduling_inbound_{page}", args=[pk]) for page in ("change", "history", "delete")}
    pages["add"] = reverse("admin:scheduling_inbound_add")
    answers = {page: at_desk.get(url).status_code for page, url in pages.items()}
    assert answers == {"change": 404, "history": 404, "delete": 403, "add": 403}


def test_the_list_costs_the_same_queries_with_1_and_with_30_rows(at_desk, patient, first, django_assert_num_queries):
    come_in("row", patient=patient, session=first)
    with django_assert_num_queries(5):
        at_desk.get(LIST)
    for number in range(29):
        come_in(f"row {number}", patient=patient, session=first)
    with django_assert_num_queries(5):
        at_desk.get(LIST)
