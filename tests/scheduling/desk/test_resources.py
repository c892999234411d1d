"""Resources in the admin: hours, outages, seats, and what they would do to booked visits."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from clinic.models import Outage, Resource
from tests import factories
from tests.scheduling.desk.forms import add_row, fill

pytestmark = pytest.mark.django_db

FAR_TUESDAY = datetime(2037, 11, 24, 15, 0, tzinfo=UTC)  # 10:00 in New York


@pytest.fixture
def chair(site):
    return factories.make_resource(site=site, kind="chair", name="Chair 1", seats=2, skills=["rems"])


@pytest.fixture
def booked(patient, chair):
    course = factories.make_course(patient=patient, version=factories.make_protocol())
    session = factories.make_session(course=course, start=FAR_TUESDAY)
    session.holds.create(position=0, resource=chair, seat=1, start=session.start, end=session.end)
    return session


@pytest.fixture
def desk(client, site_admin):
    client.force_login(site_admin)
    return client


def page_of(resource):
    return reverse("admin:clinic_resource_change", args=[resource.pk])


OUTAGE = {
    "start_0": "2037-11-24",
    "start_1": "10:00",
    "end_0": "2037-11-24",
    "end_1": "12:00",
    "reason": "Repair",
}


def test_a_site_administrator_adds_a_resource(desk, site):
    kind = factories.make_kind("tms_device")
    values = {"site": site.pk, "kind": kind.pk, "name": "TMS 1", "skills": "h1, h7", "seats": "1", "active": "on"}
    response = fill(desk, reverse("admin:clinic_resource_add"), "resource_form", **values)
    assert response.status_code == 302
    row = Resource.objects.values("site", "kind", "name", "skills", "seats", "active").get()
    assert row == {
        "site": site.pk,
        "kind": "tms_device",
        "name": "TMS 1",
        "skills": ["h1", "h7"],
        "seats": 1,
        "active": True,
    }


def test_an_outage_is_entered_in_the_wall_clock_of_the_resources_site(client, other_site):
    client.force_login(factories.make_user(role="site_admin", sites=(factories.make_site(), other_site)))
    room = factories.make_resource(site=other_site, kind="room")
    response = fill(client, page_of(room), "resource_form", **add_row("outages", 0, **OUTAGE))
    assert response.status_code == 302
    assert Outage.objects.get().start == datetime(2037, 11, 24, 18, 0, tzinfo=UTC)  # 10:00 in Los Angeles
    page = client.get(page_of(room)).content.decode()
    assert 'value="10:00:00"' in page


@pytest.mark.parametrize(("field", "day"), [("start_0", "0001-01-01"), ("end_0", "9999-12-31")])
def test_an_outage_of_no_true_year_is_refused(desk, chair, field, day):
    """In the evening of the last day of the year 9999 it is the year 10000 in London, which nothing can read back."""
    row = add_row("outages", 0, **{**OUTAGE, field: day, "end_1": "23:59"})
    response = fill(desk, page_of(chair), "resource_form", **row)
    assert "Choose a year from 1971 to 9000." in response.content.decode()
    assert chair.outages.count() == 0


def test_an_outage_that_ends_before_it_starts_is_refused(desk, chair):
    row = add_row("outages", 0, **{**OUTAGE, "end_1": "09:00"})
    response = fill(desk, page_of(chair), "resource_form", **row)
    assert "The outage ends before it starts." in response.content.decode()
    assert not Outage.objects.exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (add_row("outages", 0, **OUTAGE), "Chair 1 is out of use"),
        (add_row("hours", 0, weekday="0", opens_at="08:00", closes_at="18:00"), "Chair 1 does not work then"),
        ({"seats": "1"}, "Chair 1 has too few seats"),
        ({"active": []}, "Chair 1 is out of service"),
    ],
)
def test_a_change_that_strands_booked_visits_lists_them_before_it_is_saved(desk, chair, booked, change, why):
    response = fill(desk, page_of(chair), "resource_form", **change)
    doubt = response.context["doubt"]
    assert doubt.rows == [
        (booked.patient, "Tuesday, November 24, 2037 at 10:00 AM", booked.course.version.protocol, why)
    ]
    chair.refresh_from_db()
    assert (chair.seats, chair.active, chair.hours.count(), chair.outages.count()) == (2, True, 0, 0)
    assert fill(desk, page_of(chair), "resource_form", **change, agreed=doubt.token).status_code == 302
    chair.refresh_from_db()
    assert (chair.seats, chair.active, chair.hours.count(), chair.outages.count()) != (2, True, 0, 0)


def test_an_outage_that_grows_in_the_list_of_outages_asks_too(desk, chair, booked):
    early = datetime(2037, 11, 24, 14, 0, tzinfo=UTC)
    outage = Outage.objects.create(resource=chair, start=early, end=booked.start)
    url = reverse("admin:clinic_outage_change", args=[outage.pk])
    response = fill(desk, url, "outage_form", end_1="10:30")
    assert [row[3] for row in response.context["doubt"].rows] == ["Chair 1 is out of use"]
    outage.refresh_from_db()
    assert outage.end == booked.start


def test_a_change_that_strands_nobody_is_saved_at_once(desk, chair, booked):
    row = add_row("outages", 0, **{**OUTAGE, "start_1": "10:30"})  # the visit ends at 10:30
    assert fill(desk, page_of(chair), "resource_form", **row).status_code == 302
    assert Outage.objects.count() == 1


def test_the_site_of_a_resource_stays(desk, client, chair, other_site, administrator):
    client.force_login(administrator)
    fill(client, page_of(chair), "resource_form", site=other_site.pk, name="Chair A")
    chair.refresh_from_db()
    assert (chair.name, chair.site.code) == ("Chair A", "riverside")


def test_resources_of_another_site_are_not_there(desk, other_site):
    room = factories.make_resource(site=other_site, kind="room", name="Elsewhere")
    outage = Outage.objects.create(resource=room, start=FAR_TUESDAY, end=FAR_TUESDAY.replace(hour=16))
    pages = [page_of(room), reverse("admin:clinic_outage_change", args=[outage.pk])]
    assert [desk.get(page).status_code for page in pages] == [404, 404]
    values = {"site": other_site.pk, "kind": "room", "name": "Mine", "seats": "1"}
    response = fill(desk, reverse("admin:clinic_resource_add"), "resource_form", **values)
    assert "site" in response.context["adminform"].form.errors
    assert "Elsewhere" not in desk.get(reverse("admin:clinic_resource_changelist")).content.decode()


def test_the_front_desk_sees_resources_and_changes_none(client, clerk, chair):
    client.force_login(clerk)
    assert client.get(page_of(chair)).status_code == 200
    assert client.post(page_of(chair), {"name": "Mine"}).status_code == 403


def test_kinds_are_the_organization_administrators(desk, client, administrator):
    factories.make_kind("chair")
    url = reverse("admin:clinic_resourcekind_change", args=["chair"])
    assert desk.post(url, {"name": "Throne"}).status_code == 403
    client.force_login(administrator)
    assert client.post(url, {"name": "Treatment chair"}).status_code == 302


@pytest.mark.parametrize("rows", [1, 30])
def test_the_lists_take_a_fixed_number_of_queries(desk, site, rows, django_assert_num_queries):
    for number in range(rows):
        room = factories.make_resource(site=site, kind=f"room-{number}")
        Outage.objects.create(resource=room, start=FAR_TUESDAY, end=FAR_TUESDAY.replace(hour=16))
    desk.get(reverse("admin:clinic_resource_changelist"))
    with django_assert_num_queries(7):
        desk.get(reverse("admin:clinic_resource_changelist"))
    with django_assert_num_queries(6):
        desk.get(reverse("admin:clinic_outage_changelist"))
