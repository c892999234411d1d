"""A wrong click is taken back in a real browser: by mouse from its message, by keyboard from the recent changes."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from scheduling.booking import plan_and_book
from scheduling.models import Change, Course
from scheduling.moving import move_session
from scheduling.planning import legal_times
from tests import factories
from tests.journeys.browsing import clean_page, log_in, tab_to
from tests.scheduling.calendar import make_course

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURE = os.environ.get("CHANGES_PICTURE", "")


@pytest.fixture
def course(transactional_db: None) -> Course:
    site = factories.make_site(code="harbor", days=7)
    factories.make_resource(site=site, kind="chair", name="Chair 1")
    ada = factories.make_patient(site=site, given_name="Ada", family_name="Abbott")
    phase = {"periods": 3, "period_days": 7, "per_period": 2, "min_gap_hours": 44, "slip_days": 2}
    now = timezone.now()
    first = now.astimezone(site.zone).date() + timedelta(days=2)
    wanted: dict[str, Any] = {"earliest": first, "latest": first + timedelta(days=7), "requested_at": now}
    return plan_and_book(
        make_course(patient=ada, version=factories.make_protocol(phases=(phase,)), **wanted).pk, now=now
    )


@pytest.fixture
def clerk(course: Course) -> Any:
    return factories.make_user(sites=(course.site,), first_name="Cleo", last_name="Clerk")


def open_third(page: Any, live_server: Any, course: Course) -> None:
    page.goto(f"{live_server.url}/admin/scheduling/session/{course.sessions.get(number=3).pk}/change/")


def cancel_by_mistake(page: Any) -> None:
    page.get_by_text("Cancel this visit", exact=True).first.click()
    page.get_by_label("Reason").last.fill("asked for it")
    page.get_by_role("button", name="Cancel this visit").click()
    page.get_by_text("The visit is cancelled.").wait_for()


def states(course: Course) -> list[str]:
    return list(course.sessions.order_by("number").values_list("status", flat=True))


def test_a_cancelled_visit_is_back_after_one_click_on_its_message(live_server, chromium, course, clerk):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_third(page, live_server, course)
        cancel_by_mistake(page)
        assert states(course).count("cancelled") == 1
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("All is as it was before").wait_for()
        assert states(course) == ["booked"] * 6
        assert page.get_by_role("button", name="Undo").count() == 0


def move_fifth(course: Course, by: Any, *, now: datetime) -> None:
    session = course.sessions.get(number=5)
    day = session.local_date
    offers = legal_times(session, now=now, first_on=day, last_on=day)
    start = next(offer.start for offer in offers if offer.start != session.start)
    move_session(session, start=start, now=now, by=by)


def test_an_older_change_is_found_and_undone_by_keyboard(live_server, chromium, course, clerk):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_third(page, live_server, course)
        cancel_by_mistake(page)
        cancelled = Change.objects.get().summary
        move_fifth(course, clerk, now=timezone.now())
        moved = Change.objects.latest("pk").summary
        page.goto(f"{live_server.url}/admin/changes/")
        assert page.get_by_role("article").get_by_role("heading").all_inner_texts() == [moved, cancelled]
        response = Axe().run(page).response
        assert len(response["passes"]) > 10
        assert [item["id"] for item in response["violations"] if item["impact"] in {"serious", "critical"}] == []
        tab_to(page, "Undo")
        tab_to(page, "Undo")
        page.keyboard.press("Enter")
        page.get_by_text("All is as it was before").wait_for()
        assert states(course) == ["booked"] * 6
        assert page.get_by_text("Undone", exact=True).count() == 1
        if PICTURE:
            page.goto(f"{live_server.url}/admin/changes/")
            page.get_by_text("1 visit, before and after").first.click()
            page.screenshot(path=PICTURE)
