"""Every page that a link of the desk leads to: axe, the content security policy, the Tab key, and a tablet's width."""

from __future__ import annotations

from collections import deque
from datetime import time, timedelta
from pprint import pformat
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import resolve
from django.utils import timezone

from clinic.models import Role, Site, User
from scheduling.booking import book_course
from scheduling.moving import move_session
from scheduling.planning import propose_course
from scheduling.waiting import add_to_waiting
from tests import factories
from tests.journeys.browsing import clean_page, log_in, zone_where_it_is
from tests.scheduling import calendar
from tests.scheduling.watched import make_watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SERIOUS = {"serious", "critical"}
# Without preloading, which would put styles into the page that the policy rightly refuses.
QUICK = {"preload": False}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Every page shows these in the same frame; where the frame's links lead is looked at once.
EVERY_PAGE = {
    "index", "desk_board", "desk_call_list", "desk_changes", "desk_day_list", "desk_disruptions", "desk_waiting",
    "clinic_patient_add", "clinic_patient_change", "clinic_patient_changelist", "scheduling_course_add",
    "scheduling_course_change", "scheduling_course_changelist", "scheduling_notice_changelist",
    "scheduling_session_change", "scheduling_session_changelist",
}  # fmt: skip
SETTING_UP = {
    "clinic_site_change", "clinic_site_changelist", "clinic_resource_add", "clinic_resource_change",
    "clinic_resource_changelist", "clinic_user_changelist", "protocols_protocol_changelist",
    "protocols_protocolversion_change",
}  # fmt: skip
LINKS = "links => [...new Set(links.map(link => link.href.split('#')[0]))]"
# What Tab must stop at: all that is shown and can be used, of radio buttons one for each name.
WATCH = """() => {
  const seen = new Set(), names = new Set();
  window.stops = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')].filter((e) => {
    const closed = e.closest('details:not([open])');
    if (e.disabled || e.tabIndex < 0 || e.type === 'hidden' || !e.checkVisibility({visibilityProperty: true})
        || (closed && e.parentElement !== closed)) return false;
    if (e.type !== 'radio') return true;
    if (names.has(e.name)) return false;
    return names.add(e.name);
  });
  const reach = (e) => { seen.add(e.type === 'radio' ? e.name : e); };
  document.addEventListener('focusin', (event) => reach(event.target));
  reach(document.activeElement);
  window.missed = () => window.stops.filter((e) => !seen.has(e.type === 'radio' ? e.name : e))
    .map((e) => e.outerHTML.slice(0, 90));
  // A date or a time is several stops, and more may have come with the page's scripts.
  const parts = window.stops.filter((e) => ['date', 'time', 'datetime-local'].includes(e.type)).length;
  return window.stops.length + 5 * parts + document.querySelectorAll('.datetimeshortcuts a').length;
}"""


@pytest.fixture
def open_site(transactional_db: None) -> Site:
    """A clinic open every day, in a zone where it is about ten, so that the hour of the test run does not matter."""
    return factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(10))


@pytest.fixture
def clerk(open_site: Site) -> User:
    return factories.make_user(sites=(open_site,), first_name="Cleo", last_name="Clerk")


@pytest.fixture
def administrator(open_site: Site) -> User:
    return factories.make_user(role=Role.CLINICIAN, is_superuser=True, first_name="Ann", last_name="Admin")


@pytest.fixture
def work(open_site: Site, clerk: User) -> None:
    """Something on every list: moved, watched, not recorded, not to be planned, waiting for a place, stranded."""
    now = timezone.now().replace(microsecond=0)
    chair = factories.make_resource(site=open_site, kind="chair", name="Chair 1", seats=3)
    watched = make_watched(form=True)
    stamps = {"changed_at": now, "status_at": now, "created_at": now}
    for start, status in ((now - HOUR, "arrived"), (now - 3 * DAY, "unrecorded"), (now - 9 * DAY, "completed")):
        course = factories.make_course(patient=factories.make_patient(site=open_site), version=watched)
        factories.make_session(course=course, start=start, minutes=155, status=status, resources=(chair,), **stamps)
    version = factories.make_protocol(code="twice-weekly")
    first = now.astimezone(open_site.zone).date() + DAY
    patient = factories.make_patient(site=open_site, given_name="Ada", family_name="Abbott", phone="+1 555 0142")
    asked = calendar.make_course(
        patient=patient, version=version, earliest=first, latest=first, preferred_time=time(10)
    )
    course = book_course(asked, plan=propose_course(asked, now=now).plan, now=now)
    visit = course.sessions.latest("start")
    move_session(visit, start=visit.start + HOUR, now=now, by=clerk)
    add_to_waiting(course, need=1, short_notice_hours=24, now=now, by=clerk)
    other = factories.make_patient(site=open_site, family_name="Brook")
    factories.make_course(patient=other, version=version, status="infeasible")
    begins = course.sessions.earliest("start").start
    chair.outages.create(start=begins - HOUR, end=begins + HOUR)


def crawl(page: Page, base: str) -> tuple[set[str], dict[str, Any]]:
    """The names of the pages that links lead to, one of each kind, and the faults of those that have some."""
    visited: set[str] = set()
    faults: dict[str, Any] = {}
    ahead = deque([f"{base}/admin/"])
    while ahead:
        url = ahead.popleft()
        name = resolve(urlsplit(url).path).url_name or ""
        if name in visited:
            continue
        visited.add(name)
        page.goto(url)
        ahead += [link for link in page.locator("a[href]").evaluate_all(LINKS) if link.startswith(f"{base}/admin/")]
        if found := faults_of(page):
            faults[name] = found
    return visited, faults


def faults_of(page: Page) -> list[str]:
    answer = Axe().run(page, options=QUICK).response
    assert len(answer["passes"]) > 10
    found = [
        f"{fault['id']}: {fault['nodes'][0]['html'][:90]}"
        for fault in answer["violations"]
        if fault["impact"] in SERIOUS
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append("wider than the screen")
    for _ in range(page.evaluate(WATCH) + 5):
        page.keyboard.press("Tab")
    return found + [f"not reached by Tab: {control}" for control in page.evaluate("missed()")]


@pytest.mark.parametrize("who", ["administrator", "clerk"])
def test_every_page_that_a_link_leads_to_can_be_read_and_used_by_all(
    live_server: Any, chromium: Any, work: None, who: str, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    with clean_page(chromium, width=1024, height=768) as page:
        log_in(page, live_server.url, user.username)
        visited, faults = crawl(page, live_server.url)
    assert faults == {}, pformat(faults, width=160)
    assert visited >= (EVERY_PAGE if who == "clerk" else EVERY_PAGE | SETTING_UP)
