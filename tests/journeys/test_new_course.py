"""From the phone call to a booked course: how many clicks and keys it takes, by mouse and by keyboard alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from clinic.models import Patient, Site, User
from protocols.models import ProtocolVersion
from scheduling.models import Course, WaitingEntry
from scheduling.waiting import add_to_waiting
from tests import factories
from tests.journeys.browsing import clean_page, log_in, tab_to, zone_where_it_is
from tests.scheduling import calendar

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_CLICKS, MOST_KEYS = 8, 40


class Hands:
    """A clerk's hands on one page, that count what they do: Enter counts as a click, Tab as neither."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.keys = page, 0, 0

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def enter(self) -> None:
        self.page.keyboard.press("Enter")
        self.clicks += 1

    def type(self, text: str) -> None:
        """Into whatever has the focus without a click."""
        self.page.wait_for_load_state()
        self.page.locator("input:focus, select:focus").wait_for()
        self.page.keyboard.type(text)
        self.keys += len(text)

    def choose(self, label: str, letters: str) -> None:
        """Open a list, type until the entry is chosen, close it."""
        self.click(self.page.get_by_label(label))
        self.type(letters)
        self.enter()


@pytest.fixture
def open_site(transactional_db: None) -> Site:
    """A clinic open every day, in a zone where it is about ten, so that the hour of the test run does not matter."""
    site = factories.make_site(code="harbor", days=7, lead_minutes=0, timezone=zone_where_it_is(10))
    factories.make_resource(site=site, kind="chair", name="Chair 1", seats=2)
    return site


@pytest.fixture
def ada(open_site: Site) -> Patient:
    return factories.make_patient(
        site=open_site, given_name="Ada", family_name="Abbott", phone="+1 555 0142", birth_date="1980-05-31"
    )


@pytest.fixture
def clerk(open_site: Site) -> User:
    return factories.make_user(sites=(open_site,), first_name="Cleo", last_name="Clerk")


@pytest.fixture
def version(open_site: Site) -> ProtocolVersion:
    """One of two that the clinic can choose from."""
    factories.make_protocol(code="another")
    return factories.make_protocol(code="twice-weekly")


def serious_faults(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {fault['help']}" for fault in found if fault["impact"] in {"serious", "critical"}]


def test_a_course_for_a_known_patient_takes_at_most_eight_clicks_and_forty_keys(
    live_server: Any, chromium: Browser, ada: Patient, version: ProtocolVersion, clerk: User
) -> None:
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)  # on Today, where the call comes in
        hands = Hands(page)
        hands.click(page.get_by_role("link", name="New course"))
        hands.type("abbott 0142")  # the search has the focus
        hands.enter()
        hands.click(page.get_by_role("link", name="Start a course for Abbott, Ada"))
        hands.choose("Protocol", "Protocol t")
        hands.click(page.get_by_role("button", name="Show the proposed calendar"))
        page.get_by_role("heading", name="3 proposed calendars").wait_for()
        assert Course.objects.count() == 0
        hands.click(page.get_by_role("button", name="Book all 4 visits of plan B"))
        page.get_by_text("The course is booked.").wait_for()
    assert (hands.clicks, hands.keys) == (7, 21)
    assert (hands.clicks <= MOST_CLICKS, hands.keys <= MOST_KEYS) == (True, True)
    assert Course.objects.get().version == version


def test_a_course_for_a_new_patient_takes_at_most_eight_clicks_and_forty_keys_too(
    live_server: Any, chromium: Browser, version: ProtocolVersion, clerk: User
) -> None:
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        hands = Hands(page)
        hands.click(page.get_by_role("link", name="New course"))
        hands.type("rosa diaz")
        hands.enter()
        page.get_by_text("Nobody at your clinics fits").wait_for()
        hands.type("05311980")  # the focus is on the birth date: the name is filled in from the search
        tab_to(page, "Phone")
        hands.type("2125550142")
        hands.enter()
        hands.choose("Protocol", "Protocol t")
        hands.click(page.get_by_role("button", name="Show the proposed calendar"))
        hands.click(page.get_by_role("button", name="Book all 4 visits of plan A"))
        page.get_by_text("The course is booked.").wait_for()
    assert (hands.clicks, hands.keys) == (7, 37)
    assert (hands.clicks <= MOST_CLICKS, hands.keys <= MOST_KEYS) == (True, True)
    rosa = Patient.objects.get()
    assert (rosa.full_name, f"{rosa.birth_date}", rosa.phone) == ("Rosa Diaz", "1980-05-31", "2125550142")
    assert Course.objects.get().patient == rosa


def test_a_known_patient_is_not_written_down_twice_by_mistake(
    live_server: Any, chromium: Browser, ada: Patient, version: ProtocolVersion, clerk: User
) -> None:
    Patient.objects.update(phone="+1 212 555 0142")
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.get_by_role("link", name="New course").click()
        Hands(page).type("ada abot")
        page.keyboard.press("Enter")
        page.get_by_label("Phone", exact=True).fill("+1 (212) 555-0142")
        page.get_by_role("button", name="Add and go on").click()
        page.get_by_text("This may be someone who is already a patient.").wait_for()
        assert serious_faults(page) == []
        page.get_by_role("link", name="It is this one").click()
        page.get_by_role("heading", name="New course for Ada Abbott").wait_for()
    assert Patient.objects.count() == 1


def test_a_course_is_booked_with_the_keyboard_alone(
    live_server: Any, chromium: Browser, ada: Patient, version: ProtocolVersion, clerk: User
) -> None:
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        hands = Hands(page)
        tab_to(page, "+ New course")
        hands.enter()
        page.get_by_role("heading", name="New course").wait_for()
        hands.type("0142")
        hands.enter()
        page.get_by_role("link", name="Start a course for Abbott, Ada").wait_for()
        page.locator("a:focus", has_text="Start a course").wait_for()
        hands.enter()  # the one that was found has the focus
        page.get_by_role("heading", name="New course for Ada Abbott").wait_for()
        hands.type("Protocol t")  # so has the choice of the protocol
        tab_to(page, "Show the proposed calendar")
        hands.enter()
        page.get_by_role("heading", name="3 proposed calendars").wait_for()
        assert serious_faults(page) == []
        for _ in "ABC":
            tab_to(page, "Book all 4 visits")
        hands.enter()
        page.get_by_text("The course is booked.").wait_for()
    assert (hands.clicks, hands.keys) == (5, 14)
    assert Course.objects.get().version == version


def test_what_does_not_fit_waits_and_is_booked_when_a_place_is_found(
    live_server: Any, chromium: Browser, ada: Patient, version: ProtocolVersion, clerk: User
) -> None:
    today = timezone.now().astimezone(ada.home_site.zone).date()
    closed = ada.home_site.closures.create(first_on=today, last_on=today + timedelta(days=365), reason="Works")
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        page.goto(f"{live_server.url}/admin/scheduling/course/add/?patient={ada.pk}")
        Hands(page).type("Protocol t")
        page.get_by_role("button", name="Show the proposed calendar").click()
        page.get_by_role("heading", name="No calendar fits yet").wait_for()
        assert serious_faults(page) == []
        page.get_by_role("button", name="Put on the waiting list").click()
        page.get_by_label("Urgent", exact=True).check()
        page.get_by_label("4 hours").check()
        assert serious_faults(page) == []
        page.get_by_role("button", name="Put on the waiting list").click()
        page.get_by_text("Ada Abbott is on the waiting list.").wait_for()
        closed.delete()
        page.get_by_role("link", name="Find places for them now").click()
        page.get_by_role("heading", name="What they could have now").wait_for()
        assert serious_faults(page) == []
        assert Course.objects.get().sessions.count() == 0
        page.get_by_role("button", name="Book this for Abbott, Ada").click()
        page.get_by_text("Ada Abbott's course is booked.").wait_for()
    assert (Course.objects.get().sessions.count(), WaitingEntry.objects.get().outcome) == (4, "booked")


def test_the_waiting_list_is_worked_down_with_the_keyboard_alone(
    live_server: Any, chromium: Browser, ada: Patient, version: ProtocolVersion, clerk: User
) -> None:
    now = timezone.now()
    today = now.astimezone(ada.home_site.zone).date()
    bea = factories.make_patient(site=ada.home_site, given_name="Bea", family_name="Berg")
    for need, patient in ((1, ada), (2, bea)):
        course = calendar.make_course(
            patient=patient,
            version=version,
            status="infeasible",
            earliest=today,
            latest=today + timedelta(days=30),
        )
        add_to_waiting(course, need=need, short_notice_hours=24, now=now)
    with clean_page(chromium) as page:
        log_in(page, live_server.url, clerk.username)
        tab_to(page, "Waiting list")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Waiting list").wait_for()
        tab_to(page, "Find places for them now")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Book this for Abbott, Ada").wait_for()
        tab_to(page, "Declined")  # the most urgent comes first: Ada
        page.keyboard.press("Enter")
        page.get_by_text("Written down: Ada Abbott declined.").wait_for()
        tab_to(page, "Book")  # of another plan for Ada, then of Bea's
        tab_to(page, "Book")
        page.keyboard.press("Enter")
        page.get_by_text("Bea Berg's course is booked.").wait_for()
    assert list(WaitingEntry.objects.order_by("need").values_list("outcome", flat=True)) == ["", "booked"]
