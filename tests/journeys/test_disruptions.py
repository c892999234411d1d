"""A device fails: said in two clicks, applied with the third, undone; by mouse, by keyboard, and by two clerks."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from clinic.models import Outage
from scheduling.models import Change, Session
from tests import factories
from tests.journeys.browsing import clean_page, log_in, tab_to, zone_where_it_is

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SERIOUS = {"serious", "critical"}
ONCE = {"periods": 1, "period_days": 5, "per_period": 1, "min_gap_hours": 0}


@pytest.fixture
def site(transactional_db):
    """Open every day, in a zone where it is about ten, so that the hour of the test run does not matter."""
    return factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(10))


@pytest.fixture
def visits(site):
    """Three patients tomorrow on one chair; another chair is free for one of them."""
    chair = factories.make_resource(site=site, kind="chair", name="Chair 1")
    spare = factories.make_resource(site=site, kind="chair", name="Chair 2")
    version = factories.make_protocol(code="once", phases=(ONCE,))
    now = timezone.now()
    morning = now.astimezone(site.zone).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    made = []
    for number, (name, seat) in enumerate((("Abbott", chair), ("Brook", chair), ("Cole", chair), ("Dale", spare))):
        patient = factories.make_patient(site=site, given_name="Ada", family_name=name)
        today = now.astimezone(site.zone).date()
        course = factories.make_course(
            patient=patient, version=version, earliest_start=today, latest_start=today + timedelta(days=6)
        )
        start = morning + timedelta(hours=number % 3)
        made.append(factories.make_session(course=course, start=start, resources=(seat,), number=1))
    return made


@pytest.fixture
def clerk(site):
    return factories.make_user(sites=(site,), first_name="Cleo", last_name="Clerk")


def serious_faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {fault['nodes'][0]['html'][:90]}" for fault in found if fault["impact"] in SERIOUS]


def starts(visits):
    return [Session.objects.get(pk=visit.pk).start for visit in visits]


def test_a_device_is_out_tomorrow_in_three_clicks_and_undone_with_a_fourth(live_server, chromium, visits, clerk):
    before = starts(visits)
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="Disruptions").click()
        assert serious_faults(page) == []
        page.get_by_label("Chair 1").check(force=True)
        page.get_by_role("button", name="All day, only on tomorrow").click()
        page.get_by_text("Nothing is changed yet.").wait_for()
        assert serious_faults(page) == []
        assert page.locator("table.replan tbody").count() == 3
        assert (page.get_by_text("same time").count(), page.get_by_text("same day").count()) == (2, 1)
        assert Outage.objects.count() == 0
        page.get_by_role("button", name="Apply to the ticked patients").click()
        page.get_by_text("The visits of 3 patients are planned again").wait_for()
        after = starts(visits)
        assert [new != old for new, old in zip(after, before, strict=True)] == [True, False, False, False]
        assert serious_faults(page) == []
        page.get_by_role("button", name="Undo").first.click()
        page.get_by_text("All is as it was before").wait_for()
    assert (starts(visits), Outage.objects.count()) == (before, 0)


def test_some_by_keyboard(live_server, chromium, visits, clerk):
    before = starts(visits)
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.goto(f"{live_server.url}/admin/scheduling/session/disruptions/")
        tab_to(page, "Closed")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.labels[0].innerText") == "Chair 1"
        tab_to(page, "tomorrow")
        page.keyboard.press("Enter")
        page.get_by_text("Nothing is changed yet.").wait_for()
        tab_to(page, "Abbott, Ada")
        page.keyboard.press("Space")
        tab_to(page, "Apply to the ticked patients")
        page.keyboard.press("Enter")
        page.get_by_text("1 patient still has visits without a place.").wait_for()
        page.get_by_role("link", name="Plan it again").click()
        page.get_by_text("Nothing is changed yet.").wait_for()
        assert page.locator("table.replan tbody").count() == 1
    assert (starts(visits), Outage.objects.count()) == (before, 1)


def test_the_second_of_two_clerks_sees_that_it_is_done(live_server, chromium, site, visits, clerk):
    other = factories.make_user(sites=(site,), first_name="Otto", last_name="Other")
    with clean_page(chromium) as first, clean_page(chromium) as second:
        for page, user in ((first, clerk), (second, other)):
            log_in(page, live_server.url, user.username)
            page.get_by_role("link", name="Disruptions").click()
            page.get_by_label("Chair 1").check(force=True)
            page.get_by_role("button", name="All day, only on tomorrow").click()
            page.get_by_text("Nothing is changed yet.").wait_for()
        first.get_by_role("button", name="Apply to the ticked patients").click()
        first.get_by_text("The visits of 3 patients are planned again").wait_for()
        after = starts(visits)
        second.get_by_role("button", name="Apply to the ticked patients").click()
        second.get_by_text("Nothing was changed; please look again.").wait_for()
        second.get_by_text("This is written down already.").first.wait_for()
    assert (starts(visits), Outage.objects.count(), Change.objects.count()) == (after, 1, 1)
