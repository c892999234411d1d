"""The page of a course in a real browser: by mouse, by keyboard, and two clerks at once."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from clinic.models import Role
from protocols.models import DecisionPoint, Gate, ProtocolVersion
from scheduling.booking import book_course
from scheduling.models import Course, Session
from scheduling.planning import propose_course
from tests import factories
from tests.journeys.browsing import clean_page, log_in, tab_to, zone_where_it_is
from tests.scheduling import calendar

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHASE = {"periods": 6, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 4}
UPKEEP = {"periods": 1, "period_days": 14, "per_period": 1, "min_gap_hours": 44, "slip_days": 3, "open_ended": True}


@pytest.fixture
def open_site(transactional_db: None) -> Any:
    """A clinic open every day, in a zone where it is about ten, so that the hour of the test run does not matter."""
    site = factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(10))
    factories.make_resource(site=site, kind="chair", name="Chair 1", seats=2)
    return site


@pytest.fixture
def clerk(open_site):
    return factories.make_user(sites=(open_site,), first_name="Cleo", last_name="Clerk")


@pytest.fixture
def clinician(open_site):
    return factories.make_user(sites=(open_site,), role=Role.CLINICIAN, first_name="Clara", last_name="Kim")


def book(site, *, phases):
    version = factories.make_protocol(code="twice-weekly", phases=phases, publish=False)
    Gate.objects.create(version=version, code="driver", name="Driver named", moment="check_in", each_visit=True)
    DecisionPoint.objects.create(
        version=version, track=version.tracks.get(), after_number=1, mode="review", question="Does it help?"
    )
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=timezone.now())
    ada = factories.make_patient(site=site, given_name="Ada", family_name="Abbott")
    now = timezone.now()
    first = now.astimezone(site.zone).date() + timedelta(days=1)
    version = ProtocolVersion.objects.get(pk=version.pk)
    asked = calendar.make_course(patient=ada, version=version, earliest=first, latest=first, preferred_time=time(10))
    return book_course(asked, plan=propose_course(asked, now=now).plan, now=now)


@pytest.fixture
def course(open_site):
    return book(open_site, phases=(PHASE,))


def open_course(page, live_server, course):
    page.goto(f"{live_server.url}/admin/scheduling/course/{course.pk}/change/")


def starts_of(course):
    return list(course.sessions.order_by("pk").values_list("start", flat=True))


def serious(page):
    """What axe-core finds that is serious or worse."""
    response = Axe().run(page).response
    assert len(response["passes"]) > 10
    found = [item for item in response["violations"] if item["impact"] in {"serious", "critical"}]
    return [(item["id"], item["nodes"][0]["html"]) for item in found]


def test_a_visit_and_all_after_it_are_moved_after_a_look_at_the_plan_and_back(live_server, chromium, course, clerk):
    before = starts_of(course)
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_course(page, live_server, course)
        assert page.locator("button.visit.booked").count() == 12
        page.get_by_role("button", name="Visit 5").click()
        page.get_by_role("dialog", name="Visit 5").get_by_role("link", name="Move this and the following").click()
        page.get_by_role("link", name="Later week").click()
        page.locator(".slot input:not([disabled])").last.check(force=True)
        page.get_by_role("button", name="Show what moves").click()
        page.get_by_role("heading", name="What changes").wait_for()
        assert starts_of(course) == before
        moved = page.locator("table.weeks .visit.moves").count()
        page.get_by_role("button", name="Move as shown").click()
        page.get_by_text("Moved to").wait_for()
        after = starts_of(course)
        changed = [old != new for old, new in zip(before, after, strict=True)]
        assert (sum(changed), changed[:5]) == (moved, [False] * 4 + [True])
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Undone").first.wait_for()
    assert starts_of(course) == before


def test_a_course_is_paused_until_nobody_knows_when_and_goes_on(live_server, chromium, course, clerk):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_course(page, live_server, course)
        page.get_by_role("link", name="Pause the course").click()
        page.get_by_role("button", name="Show the plan").click()
        page.get_by_text("12 visits are set aside").first.wait_for()
        page.get_by_label("Reason").fill("In hospital")
        page.get_by_role("button", name="Pause the course").click()
        page.get_by_text("until somebody resumes it").wait_for()
        assert page.locator("button.visit.booked").count() == 0
        page.get_by_role("link", name="Resume the course").click()
        page.get_by_text("12 visits are planned again.").wait_for()
        page.get_by_role("button", name="Resume the course").click()
        page.get_by_text("The course goes on.").wait_for()
        assert page.locator("button.visit.booked").count() == 12
    assert Course.objects.get(pk=course.pk).status == "booked"


def test_a_visit_is_skipped_and_one_added_with_the_keyboard_alone(live_server, chromium, course, clerk):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_course(page, live_server, course)
        page.get_by_role("button", name="Visit 12").focus()
        page.keyboard.press("Enter")
        tab_to(page, "Skip")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Skip Visit 12 of Ada Abbott").wait_for()
        tab_to(page, "Reason")
        page.keyboard.type("Holiday")
        tab_to(page, "Skip this visit")
        page.keyboard.press("Enter")
        page.get_by_text("Skipped.").wait_for()
        tab_to(page, "Add a visit")
        page.keyboard.press("Enter")
        page.get_by_text("1 visit is new.").wait_for()
        tab_to(page, "Add it")
        page.keyboard.press("Enter")
        page.get_by_text("Added.").wait_for()
        page.get_by_role("button", name="Visit 1 ").first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="Visit 1").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog", name="Visit 1").wait_for(state="hidden")
    assert course.sessions.live().count() == 12


def test_two_clerks_at_one_course_the_second_sees_that_it_changed(live_server, chromium, course, clerk):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        other = page.context.new_page()
        for window in (page, other):
            window.goto(f"{live_server.url}/admin/scheduling/course/{course.pk}/stop/")
            window.get_by_text("12 visits are given up.").wait_for()
        fourth = course.sessions.get(number=4)
        page.goto(f"{live_server.url}/admin/scheduling/session/{fourth.pk}/skip/")
        page.get_by_label("Reason").fill("Holiday")
        page.get_by_role("button", name="Skip this visit").click()
        page.get_by_text("Skipped.").wait_for()
        other.get_by_label("Reason").fill("Moved away")
        other.get_by_role("button", name="Stop the course").click()
        other.get_by_text("What would change is not what was shown any more.").wait_for()
        other.get_by_text("11 visits are given up.").wait_for()
    assert Course.objects.get(pk=course.pk).status == "booked"


def test_a_clinician_decides_and_changes_how_often_the_patient_comes(live_server, chromium, open_site, clinician):
    course = book(open_site, phases=({**PHASE, "periods": 2}, UPKEEP))
    now = timezone.now()
    first = course.sessions.earliest("start")
    day = timedelta(days=2)
    Session.objects.filter(pk=first.pk).update(
        start=first.start - day, end=first.end - day, local_date=first.local_date - day, status="completed"
    )
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clinician.username)
        open_course(page, live_server, course)
        page.get_by_role("link", name="Continue", exact=True).click()
        page.get_by_label("Note").fill("Sleeps better")
        page.get_by_role("button", name="Decide so").click()
        page.get_by_text("Decided.").wait_for()
        page.get_by_text("Sleeps better").wait_for()
        page.get_by_role("link", name="Weekly", exact=True).click()
        page.get_by_role("heading", name="What changes").wait_for()
        page.get_by_role("button", name="Change the rhythm").click()
        page.get_by_text("Now: weekly").wait_for()
    assert Course.objects.get(pk=course.pk).rhythm[0]["period_days"] == 7
    assert course.decisions.get().decided_at >= now


def test_the_pages_of_a_course_have_nothing_serious_for_axe_and_fit_a_tablet(live_server, chromium, course, clerk):
    fourth = course.sessions.get(number=4)
    paths = [
        f"course/{course.pk}/change/",
        f"course/{course.pk}/stop/",
        f"course/{course.pk}/do/pause/",
        f"course/{course.pk}/do/add/",
        f"session/{fourth.pk}/skip/",
        f"session/{fourth.pk}/move/",
        f"session/{fourth.pk}/move/?with=others",
        f"session/{fourth.pk}/move/?with=following",
    ]
    found = {}
    with clean_page(chromium, width=1024, height=768) as page:
        log_in(page, live_server.url, clerk.username)
        for path in paths:
            page.goto(f"{live_server.url}/admin/scheduling/{path}")
            if problems := serious(page):
                found[path] = problems
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found[f"{path} is too wide"] = []
        open_course(page, live_server, course)
        page.get_by_role("button", name="Visit 5").click()
        page.get_by_role("dialog", name="Visit 5").wait_for()
        found |= {"card": problems} if (problems := serious(page)) else {}
    assert found == {}
