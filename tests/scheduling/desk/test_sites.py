"""Sites in the admin: hours, closures, public holidays, and what they would do to booked visits."""

from datetime import UTC, date, datetime, time

import pytest
from django.urls import reverse

from clinic.models import Closure, Site, SiteHours
from clinic.public_holidays import list_public_holidays
from tests import factories
from tests.scheduling.desk.forms import add_row, fill

pytestmark = pytest.mark.django_db

FAR_TUESDAY = datetime(2037, 11, 24, 15, 0, tzinfo=UTC)  # 10:00 in New York


def page_of(site):
    return reverse("admin:clinic_site_change", args=[site.pk])


@pytest.fixture
def booked(patient):
    course = factories.make_course(patient=patient, version=factories.make_protocol(code="calm"))
    return factories.make_session(course=course, start=FAR_TUESDAY)


def signed_in(client, user):
    client.force_login(user)
    return client


def test_a_site_administrator_keeps_hours_and_closures(client, site, site_admin):
    row = add_row("closures", 0, first_on="2026-12-24", last_on="2026-12-26", reason="Christmas")
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", **row)
    assert response.status_code == 302
    assert [str(closure) for closure in Closure.objects.all()] == ["2026-12-24 to 2026-12-26 Christmas"]


@pytest.mark.parametrize(
    ("change", "field", "fault"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone", "'Mars/Olympus' is not an IANA time zone such as America/New_York."),
        (
            {"grid_minutes": "7"},
            "grid_minutes",
            "The grid must divide the day: 5, 10, 15, 20 or 30 minutes, say.",
        ),
        (
            {"public_name": "Ketamine Center"},
            "public_name",
            "Patients' messages bear this name; 'Ketamine' in it would tell others what they are for.",
        ),
        (
            {"address": "Boston TMS Center\n1 Main St"},
            "address",
            "Patients' messages bear this address; 'TMS' in it would tell others what they are for.",
        ),
        ({"holiday_country": "ZZ"}, "holiday_country", "'ZZ' is not a country code; the United States is US."),
        (
            {"holiday_subdivision": "NY"},
            "holiday_country",
            "Give the country of this subdivision, such as US.",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_field_and_nothing_is_saved(client, site, site_admin, change, field, fault):
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", **change)
    assert response.context["adminform"].form.errors == {field: [fault]}
    site.refresh_from_db()
    assert (site.timezone, site.grid_minutes, site.holiday_country) == ("America/New_York", 15, "")


def test_hours_that_close_before_they_open_are_refused(client, site, site_admin):
    row = add_row("hours", 5, weekday="5", opens_at="12:00", closes_at="09:00")
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", **row)
    assert "Closes before it opens." in response.content.decode()
    assert SiteHours.objects.filter(site=site).count() == 5


def test_a_closure_over_booked_visits_lists_them_before_it_is_saved(client, site, site_admin, booked):
    row = add_row("closures", 0, first_on="2037-11-24", last_on="2037-11-24", reason="Painters")
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", **row)
    doubt = response.context["doubt"]
    assert doubt.rows == [
        (
            booked.patient,
            "Tuesday, November 24, 2037 at 10:00 AM",
            booked.course.version.protocol,
            "The site is closed: Painters",
        )
    ]
    page = response.content.decode()
    assert "Abbott, Ada" in page
    assert "Protocol calm" in page
    assert "This would leave 1 booked visit without a place." in page
    assert 'value="Painters"' in page  # what was typed is still there
    assert "was changed successfully" not in page
    assert not Closure.objects.exists()


def test_save_anyway_saves_and_only_then(client, site, site_admin, booked):
    row = add_row("closures", 0, first_on="2037-11-24", last_on="2037-11-24", reason="")
    shown = fill(signed_in(client, site_admin), page_of(site), "site_form", **row)
    saved = fill(client, page_of(site), "site_form", **row, agreed=shown.context["doubt"].token)
    assert saved.status_code == 302
    assert Closure.objects.count() == 1


def test_agreeing_to_one_list_does_not_agree_to_another(client, site, site_admin, booked):
    row = add_row("closures", 0, first_on="2037-11-24", last_on="2037-11-24", reason="")
    shown = fill(signed_in(client, site_admin), page_of(site), "site_form", **row)
    factories.make_session(course=booked.course, start=FAR_TUESDAY.replace(hour=18))
    again = fill(client, page_of(site), "site_form", **row, agreed=shown.context["doubt"].token)
    assert len(again.context["doubt"].rows) == 2
    assert not Closure.objects.exists()


def test_shorter_hours_list_the_visits_outside_them(client, site, site_admin, booked):
    change = {"hours-1-closes_at": "09:00"}  # Tuesday
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", **change)
    assert [row[3] for row in response.context["doubt"].rows] == ["Outside opening hours"]
    assert SiteHours.objects.get(site=site, weekday=1).closes_at == time(18)


def test_hours_that_are_removed_list_the_visits_too(client, site, site_admin, booked):
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", **{"hours-1-DELETE": "on"})
    assert [row[3] for row in response.context["doubt"].rows] == ["Outside opening hours"]
    assert SiteHours.objects.filter(site=site, weekday=1).exists()


def test_another_time_zone_lists_the_visits_it_moves_out_of_hours(client, site, site_admin, booked):
    response = fill(signed_in(client, site_admin), page_of(site), "site_form", timezone="Asia/Tokyo")
    assert [row[3] for row in response.context["doubt"].rows] == ["Outside opening hours"]
    site.refresh_from_db()
    assert site.timezone == "America/New_York"


def test_the_list_of_closures_asks_too(client, site, site_admin, booked):
    url = reverse("admin:clinic_closure_add")
    values = {"site": site.pk, "first_on": "2037-11-24", "last_on": "2037-11-25", "reason": ""}
    response = fill(signed_in(client, site_admin), url, "closure_form", **values)
    assert [row[3] for row in response.context["doubt"].rows] == ["The site is closed"]
    assert not Closure.objects.exists()
    saved = fill(client, url, "closure_form", **values, agreed=response.context["doubt"].token)
    assert saved.status_code == 302
    assert Closure.objects.get().site == site


def test_public_holidays_are_offered_and_only_the_ticked_ones_become_closures(client, site, site_admin):
    Site.objects.filter(pk=site.pk).update(holiday_country="US", holiday_subdivision="NY")
    url = reverse("admin:clinic_site_holidays", args=[site.pk])
    offered = signed_in(client, site_admin).get(url).context["form"].holidays
    christmas = [key for key, holiday in offered.items() if holiday.name == "Christmas Day"]
    assert len(christmas) == 3
    response = client.post(url, {"days": christmas[:2]})
    assert response.status_code == 302
    assert [(f"{c.first_on}", f"{c.last_on}", c.reason) for c in Closure.objects.all()] == [
        (day, day, "Christmas Day") for day in christmas[:2]
    ]
    assert not set(christmas[:2]) & set(client.get(url).context["form"].holidays)


def test_public_holidays_over_booked_visits_are_asked_about(client, site, site_admin, booked):
    Site.objects.filter(pk=site.pk).update(holiday_country="US")
    url = reverse("admin:clinic_site_holidays", args=[site.pk])
    offered = signed_in(client, site_admin).get(url).context["form"].holidays
    day = next(key for key, holiday in offered.items() if holiday.on.weekday() == 3)  # a Thanksgiving
    year, month, number = map(int, day.split("-"))
    factories.make_session(course=booked.course, start=datetime(year, month, number, 16, 0, tzinfo=UTC))
    response = client.post(url, {"days": [day]})
    assert len(response.context["doubt"].rows) == 1
    assert not Closure.objects.exists()
    client.post(url, {"days": [day], "agreed": response.context["doubt"].token})
    assert Closure.objects.count() == 1


def test_no_tick_and_no_region_are_said_in_words(client, site, site_admin):
    url = reverse("admin:clinic_site_holidays", args=[site.pk])
    assert "Give the site's country" in signed_in(client, site_admin).get(url).content.decode()
    Site.objects.filter(pk=site.pk).update(holiday_country="US")
    assert client.post(url, {}).context["form"].errors == {"days": ["Tick at least one day."]}


def test_holidays_follow_the_subdivision():
    def names(part):
        return {h.name for h in list_public_holidays(country="US", subdivision=part, years=[2026])}

    assert "Patriots' Day" in names("MA") - names("NY")
    assert date(2026, 12, 25) in {h.on for h in list_public_holidays(country="US", subdivision="", years=[2026])}


def test_other_sites_and_roles_cannot_get_at_a_site(client, site, other_site, site_admin, clerk):
    signed_in(client, site_admin)
    pages = [
        page_of(other_site),
        reverse("admin:clinic_site_holidays", args=[other_site.pk]),
        reverse("admin:clinic_site_history", args=[other_site.pk]),
    ]
    assert [client.get(page).status_code for page in pages] == [404, 404, 404]
    assert client.get(reverse("admin:clinic_site_add")).status_code == 403
    signed_in(client, clerk)
    assert client.get(reverse("admin:clinic_site_holidays", args=[site.pk])).status_code == 404
    assert client.post(page_of(site), {"name": "Mine"}).status_code == 403
    assert client.get(page_of(site)).status_code == 200


@pytest.mark.parametrize("rows", [1, 30])
def test_the_lists_take_a_fixed_number_of_queries(client, administrator, site, rows, django_assert_num_queries):
    for number in range(rows - 1):
        factories.make_site(code=f"more-{number}")
    for each in Site.objects.all():
        Closure.objects.create(site=each, first_on=date(2026, 12, 25), last_on=date(2026, 12, 25))
    signed_in(client, administrator)
    client.get(reverse("admin:clinic_site_changelist"))  # content types are read once and kept
    with django_assert_num_queries(5):
        client.get(reverse("admin:clinic_site_changelist"))
    with django_assert_num_queries(8):
        client.get(reverse("admin:clinic_closure_changelist"))


@pytest.mark.parametrize("visits", [1, 30])
def test_asking_takes_a_fixed_number_of_queries(client, administrator, site, booked, visits, django_assert_num_queries):
    for number in range(visits):
        day = FAR_TUESDAY.replace(month=10, day=1 + (3 + number) % 30)  # from a Sunday on, which has no opening
        factories.make_session(course=booked.course, start=day)
    values = {"site": site.pk, "first_on": "2037-10-01", "last_on": "2037-11-25", "reason": ""}
    signed_in(client, administrator)
    url = reverse("admin:clinic_closure_add")
    client.get(url)
    with django_assert_num_queries(38):
        response = client.post(url, values)
    assert response.context["doubt"].rows
