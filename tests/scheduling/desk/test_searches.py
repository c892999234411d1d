"""What is searched for stays out of every address, every link and the logs."""

import logging
import re
from datetime import date
from html import unescape
from urllib.parse import unquote

import pytest
from django.urls import reverse

from tests import factories
from tests.scheduling.desk.pressing import search, told

pytestmark = pytest.mark.django_db

SEARCHED = ("clinic_patient_changelist", "scheduling_course_changelist", "scheduling_session_changelist")
PLACES = (*SEARCHED, "scheduling_notice_changelist", "scheduling_course_add")
TEXTS = {"Abbott": "abbott", "1980-05-31": "1980-05-31", "05/31/1980": "05/31/1980", "555 0142": "0142"}


@pytest.fixture
def patient(site):
    born = date(1980, 5, 31)
    return factories.make_patient(
        site=site, given_name="Ada", family_name="Abbott", phone="+1 555 0142", birth_date=born
    )


def addresses(response):
    """Every address that the search went to, and every one that the page offers."""
    page = unescape(response.content.decode())
    asked = [
        response.request["PATH_INFO"],
        response.request["QUERY_STRING"],
        *(to for to, _ in response.redirect_chain),
    ]
    return [unquote(url).lower() for url in [*asked, *re.findall(r'(?:href|action|src)="([^"]*)"', page)]]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TEXTS)
def test_no_address_and_no_log_holds_what_was_searched_for(at_desk, course, place, text, caplog):
    url = reverse(f"admin:{place}")
    with caplog.at_level(logging.DEBUG):
        response = search(at_desk, url, text)
    assert response.status_code == 200
    assert f'value="{text}"' in response.content.decode()
    assert [address for address in addresses(response) if TEXTS[text] in address] == []
    logged = [record.getMessage() for record in caplog.records if record.name != "django.db.backends"]
    assert [line for line in logged if TEXTS[text] in line.lower()] == []


def test_the_box_on_the_first_page_leads_to_the_patient(at_desk, patient):
    page = at_desk.get(reverse("admin:index")).content.decode()
    target = reverse("admin:clinic_patient_changelist")
    assert f'<form method="post" action="{target}"' in page
    assert '<input type="search" id="find" name="find"' in page
    assert list(search(at_desk, target, "abbott").context["cl"].result_list) == [patient]


def test_no_form_of_the_desk_sends_a_text_by_its_address(at_desk, course):
    for place in ("index", *PLACES):
        page = at_desk.get(reverse(f"admin:{place}")).content.decode()
        assert 'method="get"' not in page, place


def test_a_search_goes_on_over_sorting_filters_and_pages(at_desk, course, first):
    url = reverse("admin:scheduling_session_changelist")
    other = factories.make_patient(site=course.site, family_name="Gold")
    factories.make_session(course=factories.make_course(patient=other, version=course.version), start=first.start)
    found = search(at_desk, url, "abbott")
    links = re.findall(r'href="(\?[^"]*)"', unescape(found.content.decode()))
    kept = [link for link in links if "q=" in link]
    assert any("status__exact=booked" in link for link in kept)
    assert any("o=" in link for link in kept)
    for link in kept:
        rows = at_desk.get(url + link).context["cl"].result_list
        assert {session.patient_id for session in rows} <= {course.patient_id}, link
    assert found.context["cl"].result_count == 4


def test_a_new_search_keeps_the_filters_and_begins_at_the_first_page(at_desk, course):
    url = reverse("admin:scheduling_session_changelist")
    response = search(at_desk, f"{url}?status__exact=booked&p=2&q=old", "abbott")
    (address, _), *_ = response.redirect_chain
    assert re.fullmatch(rf"{url}\?status__exact=booked&q=[\w-]{{8}}", address)
    assert response.context["cl"].result_count == 4


def test_going_back_shows_the_earlier_search_again(at_desk, patient, site):
    url = reverse("admin:clinic_patient_changelist")
    gold = factories.make_patient(site=site, family_name="Gold")
    (first_address, _), *_ = search(at_desk, url, "abbott").redirect_chain
    assert list(search(at_desk, url, "gold").context["cl"].result_list) == [gold]
    assert list(at_desk.get(first_address).context["cl"].result_list) == [patient]


def test_an_empty_search_shows_everything(at_desk, patient):
    url = reverse("admin:clinic_patient_changelist")
    response = search(at_desk, url, "  ")
    assert response.redirect_chain == [(url, 302)]
    assert list(response.context["cl"].result_list) == [patient]


@pytest.mark.parametrize("place", PLACES)
def test_a_text_in_the_address_is_taken_out_and_not_searched(at_desk, course, place):
    url = reverse(f"admin:{place}")
    response = at_desk.get(url, {"q": "abbott"}, follow=True)
    assert response.redirect_chain == [(url, 302)]
    assert told(response) == ["That search is no longer at hand. Please type it again."]
    assert [address for address in addresses(response) if "abbott" in address] == []


def test_the_handle_of_somebody_else_finds_nothing(client, clerk, other_clerk, patient):
    url = reverse("admin:clinic_patient_changelist")
    client.force_login(clerk)
    (address, _), *_ = search(client, url, "abbott").redirect_chain
    client.force_login(other_clerk)
    assert client.get(address).status_code == 302


def test_only_the_newest_searches_are_kept(at_desk, patient):
    url = reverse("admin:clinic_patient_changelist")
    for number in range(40):
        search(at_desk, url, f"name{number}")
    assert list(at_desk.session["desk_searches"].values()) == [f"name{number}" for number in range(10, 40)]


def test_nothing_completes_as_one_types(at_desk, patient):
    query = {"term": "abb", "app_label": "scheduling", "model_name": "course", "field_name": "patient"}
    assert at_desk.get(reverse("admin:autocomplete"), query).status_code == 404


def test_a_search_needs_the_token_of_its_page(client, clerk, patient, clock):
    client.handler.enforce_csrf_checks = True
    client.force_login(clerk)
    assert client.post(reverse("admin:clinic_patient_changelist"), {"find": "abbott"}).status_code == 403
