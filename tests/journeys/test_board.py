"""The day board in a real browser: by mouse and by keyboard, two clerks at one visit, a full day, everybody's reach."""

from __future__ import annotations

import time as clocks
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone

from clinic.models import Closure, Outage, Patient, Resource, Site, User
from scheduling.booking import book_course
from scheduling.models import Course, Hold, Session
from scheduling.planning import propose_course
from scheduling.rearranging import propose_move, rearrange
from tests import factories
from tests.journeys.browsing import clean_page, log_in, tab_to, zone_where_it_is
from tests.scheduling import calendar
from tests.scheduling.full_board import fill_day, make_staged

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SERIOUS = {"serious", "critical"}
LIT = ".board-lit .lit"
SERVER, BROWSER = 0.3, 1.0
"""Seconds of processor time, which do not depend on what else the machine does."""


@pytest.fixture
def open_site(transactional_db: None) -> Site:
    """A clinic open every day, in a zone where it is about ten, so that the hour of the test run does not matter."""
    return factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(10))


@pytest.fixture
def devices(open_site: Site) -> list[Resource]:
    for number in (1, 2):
        factories.make_resource(site=open_site, kind="technician", name=f"Technician {number}")
    return [factories.make_resource(site=open_site, kind="device", name=f"Device {n}") for n in (1, 2)]


@pytest.fixture
def clerk(open_site: Site) -> User:
    return factories.make_user(sites=(open_site,), first_name="Cleo", last_name="Clerk")


@pytest.fixture
def course(open_site: Site, devices: list[Resource]) -> Course:
    """Six visits, two a week from tomorrow on, at nine on Device 1."""
    return book_visits(factories.make_patient(site=open_site, given_name="Ada", family_name="Abbott"))


def book_visits(patient: Patient) -> Course:
    now = timezone.now()
    tomorrow = now.astimezone(patient.home_site.zone).date() + timedelta(days=1)
    asked = calendar.make_course(patient=patient, version=make_staged(), earliest=tomorrow, latest=tomorrow)
    return book_course(asked, plan=propose_course(asked, now=now).plan, now=now)


def seats(session: Session) -> list[str]:
    return list(Hold.objects.filter(session=session).values_list("resource__name", flat=True))


def open_board(page: Page, base: str, session: Session | None = None, **asked: Any) -> None:
    day = f"day={session.local_date}&" if session else ""
    page.goto(f"{base}/admin/scheduling/session/board/?{day}" + "&".join(f"{k}={v}" for k, v in asked.items()))
    page.locator("#board[data-ready]").wait_for()


def block(page: Page, column: Resource) -> Locator:
    return page.locator(f".ec-event.visit[data-column='{column.pk}']").first


def pick_up(page: Page, visit: Locator) -> None:
    box = visit.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 12, steps=3)


def carry_to(page: Page, mark: Locator) -> None:
    box = mark.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 6, steps=6)


def at_clock(page: Page, session: Session, column: Resource, clock: str) -> Locator:
    return page.locator(f"{LIT}[data-column='{column.pk}'][data-at='{session.local_date}T{clock}']")


def faults_of(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{f['id']}: {f['help']} {f['nodes'][0]['html'][:90]}" for f in found if f["impact"] in SERIOUS]


@pytest.mark.parametrize(("view", "day"), [("day", ""), ("week", "{0:%a, %b} {0.day}, ")])
def test_a_visit_is_dragged_to_a_lit_time_on_another_device_and_booked_with_one_click(
    live_server: Any, chromium: Browser, course: Course, devices: list[Resource], clerk: User, view: str, day: str
) -> None:
    visit = course.sessions.earliest("start")
    with clean_page(chromium, width=1900) as page:
        log_in(page, live_server.url, clerk.username)
        open_board(page, live_server.url, visit, view=view)
        pick_up(page, block(page, devices[0]))
        target = at_clock(page, visit, devices[1], "11:00")
        target.wait_for()
        page.get_by_text("times are free").wait_for()
        carry_to(page, target)
        page.mouse.up()
        page.get_by_text("No other visit moves.").wait_for()
        assert Session.objects.get(pk=visit.pk).start == visit.start
        page.get_by_role("button", name="Move the visit").click()
        page.get_by_text("The visit of Ada Abbott is moved to").wait_for()
        on = day.format(visit.local_date)
        page.get_by_label(f"Abbott, Ada, Visit 1, {on}11:00 AM to 11:30 AM, Device 2, Booked").wait_for()
        page.get_by_role("button", name="Undo").wait_for()
    moved = Session.objects.get(pk=visit.pk)
    assert (moved.local_start, seats(moved)) == (
        visit.local_start + timedelta(hours=2),
        ["Device 2", *seats(visit)[1:]],
    )


def test_only_legal_times_take_a_drop(
    live_server: Any, chromium: Browser, course: Course, devices: list[Resource], clerk: User
) -> None:
    visit = course.sessions.earliest("start")
    patient = factories.make_patient(site=visit.site, family_name="Brandt")
    other = calendar.make_course(patient=patient, version=course.version)
    calendar.put_session(other, number=1, start=visit.start + timedelta(hours=2), minutes=60, seats=(devices[1],))
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_board(page, live_server.url, visit)
        pick_up(page, block(page, devices[0]))
        free = at_clock(page, visit, devices[1], "10:00")
        free.wait_for()
        assert at_clock(page, visit, devices[1], "11:30").count() == 0
        assert at_clock(page, visit, devices[0], "11:30").count() == 1
        carry_to(page, free)
        taken = block(page, devices[1]).bounding_box()
        assert taken is not None
        page.mouse.move(taken["x"] + 30, taken["y"] + 20, steps=6)
        page.mouse.up()
        page.locator(LIT).first.wait_for(state="detached")
        assert not page.locator("#board-dialog").is_visible()
    assert Session.objects.get(pk=visit.pk).start == visit.start


def test_a_drop_for_which_others_must_move_shows_them_and_moves_all_at_once(
    live_server: Any, chromium: Browser, course: Course, devices: list[Resource], clerk: User
) -> None:
    """Three days on, so near the visit after it that this must go too."""
    second = course.sessions.get(number=2)
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_board(page, live_server.url, second)
        block(page, devices[0]).focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Choose another time").click()
        page.get_by_label("Day", exact=True).fill((second.local_date + timedelta(days=3)).isoformat())
        page.locator(".dialog-slots .slot", has_text="+1").first.locator("input").check(force=True)
        page.get_by_role("button", name="Show what moves").click()
        page.get_by_role("row", name="Visit").first.wait_for()
        page.get_by_role("button", name="Move both visits").click()
        page.get_by_text("and 1 other visit with it").wait_for()
    assert course.sessions.filter(sequence=1).count() == 2


def test_the_board_is_worked_with_the_keyboard_alone(
    live_server: Any, chromium: Browser, course: Course, devices: list[Resource], clerk: User
) -> None:
    visit = course.sessions.earliest("start")
    patient = factories.make_patient(site=visit.site, family_name="Brandt")
    other = calendar.make_course(patient=patient, version=course.version)
    calendar.put_session(other, number=1, start=visit.start + timedelta(hours=1), minutes=30, seats=(devices[0],))
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_board(page, live_server.url, visit)
        tab_to_visit(page)
        assert focused(page).startswith("Abbott, Ada, Visit 1, 9:00 AM")
        page.keyboard.press("ArrowDown")
        assert focused(page).startswith("Brandt, Ada, Visit 1, 10:00 AM")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.get_by_text("Monitoring").last.wait_for()
        assert page.evaluate("document.activeElement.innerText") == "Choose another time"
        page.keyboard.press("Enter")
        page.locator(".dialog-slots").wait_for()
        assert page.get_by_label("10:00 AM", exact=True).count() == 0
        tab_to(page, "8:00 AM")
        page.keyboard.press("ArrowDown")
        chosen = page.locator(".dialog-slots input:checked + label").inner_text()
        tab_to(page, "Show what moves")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Move the visit").wait_for()
        page.keyboard.press("Enter")  # the button has the focus
        page.get_by_text("The visit of Ada Abbott is moved to").wait_for()
    moved = Session.objects.get(pk=visit.pk)
    assert f"{moved.local_start:%I:%M %p}".lstrip("0") == chosen


def tab_to_visit(page: Page) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.ec-event.visit')"):
            return
    raise AssertionError("The keyboard does not reach a visit.")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


def test_the_second_of_two_clerks_reads_that_the_visit_has_changed(
    live_server: Any, chromium: Browser, course: Course, devices: list[Resource], clerk: User
) -> None:
    visit = course.sessions.earliest("start")
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    log_in(page, live_server.url, clerk.username)
    open_board(page, live_server.url, visit)
    block(page, devices[0]).focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Choose another time").click()
    page.locator(".dialog-slots input").last.check(force=True)
    page.get_by_role("button", name="Show what moves").click()
    page.get_by_role("button", name="Move the visit").wait_for()

    now, start = timezone.now(), visit.start + timedelta(hours=2)
    shown = propose_move(visit, start=start, now=now)
    rearrange(visit, start=start, expected=shown.fingerprint, now=now)

    page.get_by_role("button", name="Move the visit").click()
    page.get_by_text("Somebody has changed this visit since you opened it.").wait_for()
    assert faults_of(page) == []
    page.get_by_role("button", name="Show the board as it is now").click()
    page.get_by_label("Abbott, Ada, Visit 1, 11:00 AM").wait_for()
    context.close()
    assert Session.objects.get(pk=visit.pk).start == start


def test_arrived_is_two_clicks_and_what_was_looked_at_stays_in_view(
    live_server: Any, chromium: Browser, open_site: Site, devices: list[Resource], clerk: User
) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    patient = factories.make_patient(site=open_site, given_name="Ada", family_name="Abbott")
    course = calendar.make_course(patient=patient, version=make_staged(), status="booked")
    visit = calendar.put_session(course, number=1, start=now, minutes=25, seats=(devices[0],))
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="Day board").click()
        block(page, devices[0]).click()
        page.get_by_role("button", name="Arrived").click()
        page.get_by_text("Ada Abbott has arrived.").wait_for()
        assert "Arrived" in block(page, devices[0]).inner_text()
        assert page.locator(".ec-now-indicator").count() == 1
    assert Session.objects.get(pk=visit.pk).status == "arrived"


def test_kinds_are_chosen_once_for_days_and_once_for_weeks(
    live_server: Any, chromium: Browser, course: Course, devices: list[Resource], clerk: User
) -> None:
    visit = course.sessions.earliest("start")
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_board(page, live_server.url, visit)
        assert columns(page) == ["Device 1", "Device 2"]
        kind(page, "technician").check(force=True)
        assert columns(page) == ["Device 1", "Device 2", "Technician 1", "Technician 2"]
        kind(page, "device").uncheck(force=True)
        open_board(page, live_server.url)
        assert columns(page) == ["Technician 1", "Technician 2"]
        open_board(page, live_server.url, visit, view="week")
        assert columns(page) == ["Device 1", "Device 2"] * 7
        open_board(page, live_server.url)
        kind(page, "technician").uncheck(force=True)
        page.get_by_text("Choose above what to show.").wait_for()


def kind(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=name)


def columns(page: Page) -> list[str]:
    return page.locator(".column-name").all_inner_texts()


def test_the_board_keeps_the_policy_and_is_within_everybodys_reach(
    live_server: Any, chromium: Browser, open_site: Site, course: Course, devices: list[Resource], clerk: User
) -> None:
    visit = course.sessions.earliest("start")
    post = factories.make_resource(site=open_site, kind="post", name="Prescriber", seats=9)
    Hold.objects.create(session=visit, position=7, resource=post, start=visit.start, end=visit.end)
    Outage.objects.create(resource=devices[1], start=visit.start, end=visit.end + timedelta(hours=3), reason="Repair")
    day = visit.local_date + timedelta(days=1)
    Closure.objects.create(site=open_site, first_on=day, last_on=day, reason="Holiday")
    with clean_page(chromium, width=1024, height=768) as page:
        log_in(page, live_server.url, clerk.username)
        for view in ("day", "week"):
            open_board(page, live_server.url, visit, view=view)
            for name in ("post", "technician"):
                kind(page, name).check(force=True)
            assert faults_of(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 1024
        open_board(page, live_server.url, visit)
        assert page.get_by_text("1 of 9").count() == 1
        assert page.get_by_text("Out of use: Repair").count() == 1
        block(page, devices[0]).click()
        page.get_by_role("button", name="Choose another time").wait_for()
        assert faults_of(page) == []
        page.get_by_role("button", name="Choose another time").click()
        page.locator(".dialog-slots").wait_for()
        assert faults_of(page) == []


def test_twenty_resources_and_two_hundred_visits_are_there_within_a_second(
    live_server: Any, chromium: Browser, open_site: Site, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = timezone.now().astimezone(open_site.zone).date()
    monkeypatch.setattr(factories, "a_day", lambda offset=0: day + timedelta(days=offset))
    fill_day(open_site)
    with clean_page(chromium, width=1900) as page:
        log_in(page, live_server.url, clerk.username)
        open_board(page, live_server.url)
        kind(page, "technician").check(force=True)
        measured = page.context.new_cdp_session(page)
        measured.send("Performance.enable", {"timeDomain": "threadTicks"})
        before, spent = busy_seconds(measured), clocks.process_time()
        open_board(page, live_server.url)
        assert page.locator(".ec-event.visit").count() == 400
        assert (len(columns(page)), busy_seconds(measured) - before < BROWSER) == (20, True)
        assert clocks.process_time() - spent < BROWSER
    assert server_seconds(clerk) < SERVER


def busy_seconds(measured: Any) -> float:
    """Processor time of the page's main thread."""
    found = {metric["name"]: metric["value"] for metric in measured.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def server_seconds(clerk: User) -> float:
    client = Client()
    client.force_login(clerk)
    client.get("/admin/scheduling/session/board/")
    spent = []
    for _ in range(3):
        begun = clocks.process_time()
        assert client.get("/admin/scheduling/session/board/").status_code == 200
        spent.append(clocks.process_time() - begun)
    return min(spent)
