"""Today in a real browser: who is watched, what is ticked off, with the mouse and with the keyboard, and on paper."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from scheduling.models import GateRecord, Session
from tests import factories
from tests.journeys.browsing import clean_page, log_in, tab_to, zone_where_it_is
from tests.scheduling.watched import make_watched

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LISTS = ("", "today/drivers/", "today/unrecorded/", "today/decisions/", "today/forms/", "today/print/")


@pytest.fixture
def open_site(transactional_db):
    """A clinic in a zone where it is about two in the afternoon, so that the hour of the test run does not matter."""
    return factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(14))


@pytest.fixture
def clerk(open_site):
    return factories.make_user(sites=(open_site,), first_name="Cleo", last_name="Clerk")


def put(site, version, start, **fields):
    patient = factories.make_patient(site=site, phone="+1 555 0142")
    course = factories.make_course(patient=patient, version=version)
    now = timezone.now().replace(microsecond=0)
    fields = {"changed_at": now, "status_at": now, "created_at": now, **fields}
    return factories.make_session(course=course, start=start, minutes=155, **fields)


@pytest.fixture
def day(open_site):
    """One who came half an hour ago, one whose two hours are over, one expected, one with a form that is late."""
    version, now = make_watched(form=True), timezone.now().replace(microsecond=0)
    return {
        "here": put(open_site, version, now - 30 * MINUTE, status="arrived"),
        "over": put(open_site, version, now - 150 * MINUTE, status="arrived", treated_at=now - 125 * MINUTE),
        "expected": put(open_site, version, now + 90 * MINUTE),
        "form": put(open_site, version, now - 9 * DAY, status="completed"),
        "open": put(open_site, version, now - 3 * DAY, status="unrecorded"),
    }


def test_the_day_of_a_watched_patient_with_the_mouse(live_server, chromium, clerk, day):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="2 being watched").click()
        here = page.locator(".watch").filter(has_text=day["here"].patient.family_name)
        here.get_by_text("Counted from the plan").wait_for()
        here.get_by_role("button", name="Treatment given").click()
        page.get_by_text("is watched until").wait_for()
        here.get_by_text("2 h left, until").wait_for()
        over = page.locator(".watch").filter(has_text=day["over"].patient.family_name)
        over.get_by_text("Minimum over since").wait_for()
        over.get_by_role("button", name="Completed").click()
        page.get_by_text("is completed.").wait_for()
        assert page.locator(".watch").count() == 1
        page.get_by_role("link", name=re.compile("More about")).first.click()
        page.get_by_role("button", name="Take back").click()
        page.get_by_text("Taken back.").wait_for()
    states = dict(Session.objects.values_list("pk", "status"))
    assert (states[day["here"].pk], states[day["over"].pk]) == ("arrived", "completed")
    assert Session.objects.get(pk=day["here"].pk).treated_at is None


def test_minutes_count_down_while_the_page_stays_open(live_server, chromium, clerk, day):
    with clean_page(chromium) as page:
        page.clock.install()
        log_in(page, live_server.url, clerk.username)
        here = page.locator(".watch").filter(has_text=day["here"].patient.family_name)
        before = here.locator("strong").inner_text()
        page.clock.fast_forward("00:30:00")
        after = here.locator("strong").inner_text()
        page.clock.fast_forward("02:00:00")
        assert (minutes(before) - minutes(after), here.locator("strong").inner_text()) == (30, "Minimum over")
        assert here.locator("progress").evaluate("bar => bar.value === bar.max")


def minutes(text):
    """Of "1 h 15 min", "2 h" or "15 min"."""
    return sum(int(number) * {"h": 60, "min": 1}[unit] for number, unit in re.findall(r"(\d+) (h|min)", text))


def test_a_form_is_sent_and_an_outcome_recorded_with_the_keyboard_alone(live_server, chromium, clerk, day):
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        open_figure(page, "outcomes not recorded")
        page.get_by_role("heading", name="Outcomes not recorded").wait_for()
        tab_to(page, "Completed")
        page.keyboard.press("Enter")
        page.get_by_text("Every past visit has its outcome.").wait_for()
        page.goto(f"{live_server.url}/admin/")
        open_figure(page, "forms due")
        page.get_by_role("heading", name="Forms due").wait_for()
        tab_to(page, "Sent")
        page.keyboard.press("Enter")
        page.get_by_text("Ticked off:").wait_for()
    assert GateRecord.objects.get().session == day["form"]


def open_figure(page, label):
    """With the Tab key to the number with this label, and Enter."""
    focused = "document.activeElement.matches('.figures a') ? document.activeElement.innerText : ''"
    for _ in range(60):
        page.keyboard.press("Tab")
        if label in page.evaluate(focused):
            return page.keyboard.press("Enter")
    raise AssertionError(f"The keyboard does not reach {label!r}.")


def test_the_lists_of_today_break_no_rule_of_access_and_fit_a_tablet(live_server, chromium, clerk, day):
    found, too_wide = {}, []
    with clean_page(chromium, width=1024, height=768, bypass_csp=True) as page:  # axe is put into the page as a script
        log_in(page, live_server.url, clerk.username)
        for path in LISTS:
            page.goto(f"{live_server.url}/admin/{path}")
            violations = Axe().run(page).response["violations"]
            found[path] = [rule["id"] for rule in violations if rule["impact"] in {"serious", "critical"}]
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                too_wide.append(path)
    assert (found, too_wide) == ({path: [] for path in LISTS}, [])


@pytest.mark.parametrize(("paper", "size"), [("A4", ("595", "842")), ("Letter", ("612", "792"))])
def test_the_day_list_fits_its_paper(live_server, chromium, open_site, clerk, paper, size):
    """Forty visits: whole rows on sheets of the size that was asked for, each with its head."""
    version, today = make_watched(), timezone.now().astimezone(open_site.zone).date()
    chair = factories.make_resource(site=open_site, kind="chair", name="Chair by the window", seats=40)
    begin = datetime.combine(today, time(8), open_site.zone)
    for number in range(40):
        put(open_site, version, begin + number * 5 * MINUTE).holds.create(
            position=0, resource=chair, seat=number, start=begin, end=begin + 300 * MINUTE
        )
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="Print the day").click()
        page.get_by_role("button", name="Print").wait_for()
        page.emulate_media(media="print")
        width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        rows = page.locator(".sheet-rows tbody tr").count()
        pdf = page.pdf(format=paper).decode("latin-1")
    boxes = re.findall(r"/MediaBox \[0 0 (\d+)[\d.]* (\d+)[\d.]*\]", pdf)
    assert (rows, width[0] <= width[1], boxes) == (40, True, [size] * 2)
