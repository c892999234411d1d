"""The front desk's work in a real browser, from the login to a visit that is planned again."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from clinic.models import Role
from scheduling.booking import book_course
from scheduling.models import Course, Session
from scheduling.planning import propose_course
from tests import factories
from tests.journeys.browsing import clean_page, log_in, zone_where_it_is
from tests.scheduling import calendar

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def open_site(transactional_db):
    """A clinic open every day, in a zone where it is about ten, so that the hour of the test run does not matter."""
    site = factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(10))
    factories.make_resource(site=site, kind="chair", name="Chair 1", seats=2)
    return site


@pytest.fixture
def ada(open_site):
    return factories.make_patient(
        site=open_site, given_name="Ada", family_name="Abbott", phone="+1 555 0142", birth_date="1980-05-31"
    )


@pytest.fixture
def version(open_site):
    return factories.make_protocol(code="twice-weekly")


@pytest.fixture
def clerk(open_site):
    return factories.make_user(sites=(open_site,), first_name="Cleo", last_name="Clerk")


def test_from_the_login_to_a_booked_course_with_one_visit_moved_and_one_cancelled(
    live_server, chromium, ada, version, clerk
):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="New course").click()
        page.get_by_label("Name, phone number or birth date").fill("abbott 1980-05-31")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Start a course for Abbott, Ada").click()
        page.get_by_label("Protocol").select_option(label="Protocol twice-weekly")
        page.get_by_role("button", name="Show the proposed calendar").click()
        page.get_by_role("heading", name="Proposed calendar").wait_for()
        assert page.locator(".plan").first.locator(".chip.proposed").count() == 4
        assert Course.objects.count() == 0

        page.get_by_role("button", name="Book all 4 visits of plan A").click()
        page.get_by_text("The course is booked.").wait_for()
        course = Course.objects.get()
        assert page.locator("button.visit.booked").count() == 4
        booked = list(course.sessions.order_by("start").values_list("start", flat=True))

        page.get_by_role("button", name="Visit 4").click()
        page.get_by_role("link", name="Move", exact=True).click()
        page.locator(".slot input:not([disabled])").last.check(force=True)
        page.get_by_role("button", name="Move to this time").click()
        page.get_by_text("Moved to").wait_for()
        moved = list(course.sessions.order_by("start").values_list("start", flat=True))
        assert (moved[:3] == booked[:3], moved[3] != booked[3]) == (True, True)

        page.get_by_role("button", name="Visit 3").click()
        page.get_by_role("link", name="Open the visit").click()
        page.get_by_text("Cancel this visit").first.click()
        page.get_by_label("Reason").fill("Traveling")
        page.get_by_role("button", name="Cancel this visit").click()
        page.get_by_text("The visit is cancelled.").wait_for()
        page.get_by_role("link", name="Back to the course").click()
        assert page.locator("button.visit.cancelled").count() == 1
        page.get_by_role("link", name="Print the calendar").click()
        page.get_by_role("heading", name="Your appointments at").wait_for()
    states = list(course.sessions.order_by("number").values_list("number", "status"))
    assert states == [(1, "booked"), (2, "booked"), (3, "cancelled"), (4, "booked")]


def test_a_visit_of_today_is_marked_missed_and_planned_again(live_server, chromium, ada, version, clerk):
    now = timezone.now()
    day = now.astimezone(ada.home_site.zone).date()
    asked = calendar.make_course(patient=ada, version=version, earliest=day, latest=day, preferred_time=time(13))
    course = book_course(asked, plan=propose_course(asked, now=now).plan, now=now)
    visit = course.sessions.earliest("start")
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="More about Abbott, Ada").click()
        page.get_by_text("The patient missed it").click()
        page.get_by_label("Reason").first.select_option(label="Did not come")
        page.get_by_role("button", name="Mark as missed and plan again").click()
        page.get_by_text("Planned again on").wait_for()
        page.get_by_role("link", name="Back to the course").click()
        assert page.locator("button.visit.missed").count() == 1
    visit.refresh_from_db()
    assert (visit.status, visit.missed_reason) == ("missed", "no_show")
    assert course.sessions.filter(number=1, status="booked").exists()


def test_two_clerks_at_one_visit_the_second_sees_that_it_changed(live_server, chromium, ada, version, clerk):
    now = timezone.now().replace(microsecond=0)
    course = factories.make_course(patient=ada, version=version)
    visit = factories.make_session(course=course, start=now, changed_at=now, minutes=30)
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        other = page.context.new_page()
        for window in (page, other):
            window.goto(f"{live_server.url}/admin/")
        page.get_by_role("button", name="Arrived").click()
        page.get_by_text("Ada Abbott has arrived.").wait_for()
        other.get_by_role("button", name="Arrived").click()
        other.get_by_text("Somebody has changed this visit since you opened it.").wait_for()
    assert Session.objects.get(pk=visit.pk).status == "arrived"


def test_a_search_stays_in_the_box_and_out_of_the_address_also_on_the_way_back(live_server, chromium, ada, clerk):
    asked: list[str] = []
    with clean_page(chromium) as page:
        page.on("request", lambda request: asked.append(request.url.lower()))
        log_in(page, live_server.url, clerk.username)
        page.get_by_label("Find a patient").fill("abbott 1980-05-31")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Abbott, Ada").click()
        page.get_by_role("heading", name="Abbott, Ada").wait_for()
        page.go_back()
        assert page.get_by_label("Search patients").input_value() == "abbott 1980-05-31"
        page.get_by_role("link", name="Abbott, Ada").wait_for()
    assert [url for url in asked if "abbott" in url or "1980" in url] == []


def test_every_page_keeps_the_content_security_policy_and_fits_a_tablet(live_server, chromium, open_site, ada, version):
    now = timezone.now().replace(microsecond=0)
    course = factories.make_course(patient=ada, version=version)
    visit = factories.make_session(course=course, start=now + timedelta(days=1), changed_at=now)
    draft = factories.make_protocol(code="own", site=open_site, publish=False)
    boss = factories.make_user(is_superuser=True, role=Role.CLINICIAN)
    paths = [
        "",
        f"clinic/patient/{ada.pk}/change/",
        "clinic/patient/add/",
        f"clinic/site/{open_site.pk}/change/",
        f"clinic/resource/{open_site.resources.get().pk}/change/",
        f"clinic/user/{boss.pk}/change/",
        "clinic/apikey/",
        "scheduling/course/",
        f"scheduling/course/add/?patient={ada.pk}",
        f"scheduling/course/{course.pk}/change/",
        f"scheduling/course/{course.pk}/stop/",
        f"scheduling/course/{course.pk}/print/",
        "scheduling/session/",
        f"scheduling/session/{visit.pk}/change/",
        f"scheduling/session/{visit.pk}/move/",
        "scheduling/notice/",
        "scheduling/notice/calls/",
        "protocols/protocol/",
        f"protocols/protocolversion/{version.pk}/change/",
        f"protocols/protocolversion/{draft.pk}/change/",
        f"protocols/track/{draft.tracks.get().pk}/change/",
        f"protocols/visittype/{draft.visit_types.get().pk}/change/",
        "password_change/",
    ]
    too_wide = {}
    with clean_page(chromium, width=1024, height=768) as page:
        log_in(page, live_server.url, boss.username)
        for path in paths:
            page.goto(f"{live_server.url}/admin/{path}")
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                too_wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert too_wide == {}
