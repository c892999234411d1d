"""A patient's page on a phone, in both languages, by touch and by keyboard alone; nothing is asked of anybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from clinic.models import Patient, PatientMoves, Site
from protocols.models import Instruction, ProtocolVersion
from scheduling.booking import book_course
from scheduling.messages.links import link_to
from scheduling.models import Answer, Driver, Session
from scheduling.offers import offer_times
from scheduling.planning import propose_course
from tests import factories
from tests.journeys.browsing import clean_page, tab_to
from tests.scheduling import calendar

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SERIOUS = {"serious", "critical"}
LANGUAGES = ["en", "es"]


@pytest.fixture
def open_site(transactional_db: None) -> Site:
    """A clinic open every day from nine to five."""
    site = factories.make_site(
        code="harbor",
        days=7,
        lead_minutes=0,
        timezone="America/New_York",
        public_name="Harbor Health",
        address="12 Wharf Street\nSpringfield, NY 10001",
        phone="+1 212 555 0100",
        patient_moves=PatientMoves.DIRECT,
    )
    factories.make_resource(site=site, kind="chair", name="Chair 1", seats=2)
    return site


@pytest.fixture
def version(open_site: Site) -> ProtocolVersion:
    version = factories.make_protocol(code="twice-weekly", sedating=True, minutes=120, publish=False)
    visit = version.visit_types.get()
    Instruction.objects.create(visit_type=visit, kind="no_food", minutes_before=120)
    Instruction.objects.create(visit_type=visit, kind="no_drink", minutes_before=30)
    Instruction.objects.create(
        visit_type=visit,
        kind="other",
        text="If you use a nasal spray, use it no later than one hour before.",
        text_es="Si usa un aerosol nasal, úselo a más tardar una hora antes.",
    )
    version.status, version.published_at = "published", factories.NOW
    version.save()
    return version


@pytest.fixture
def visit(open_site: Site, version: ProtocolVersion) -> Session:
    """The second of four visits, so that there is one before it and two after it."""
    patient = factories.make_patient(site=open_site, given_name="Ada", family_name="Abbott")
    now = timezone.now()
    asked = calendar.make_course(
        patient=patient,
        version=version,
        earliest=now.date() + timedelta(days=2),
        latest=now.date() + timedelta(days=9),
    )
    course = book_course(asked, plan=propose_course(asked, now=now).plan, now=now)
    return course.sessions.order_by("start")[1]


@contextmanager
def phone(chromium: Browser, *, touch: bool = True) -> Iterator[Page]:
    """A page of 390 by 844 that complains of nothing and asks nobody but us."""
    with clean_page(chromium, width=390, height=844, has_touch=touch, is_mobile=touch) as page:
        asked, told = set[str](), set[str]()
        page.on("request", lambda request: asked.add(re.sub(r"^(\w+://[^/]+).*", r"\1", request.url)))
        page.on("request", lambda request: told.add(request.headers.get("referer", "")))
        yield page
        [host] = asked
        assert told <= {"", f"{host}/"}  # never the address of a page, which is the key to it


def address_of(visit: Session, live_server: Any, settings: Any) -> str:
    settings.PUBLIC_URL = live_server.url
    return link_to(Session.objects.get(pk=visit.pk), now=timezone.now())


def faults_of(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {fault['help']}" for fault in found if fault["impact"] in SERIOUS]


def too_small(page: Page) -> list[str]:
    """Things to press that are smaller than a fingertip, links within a sentence apart."""
    return page.evaluate(
        """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), label.choice')]
        .filter(e => e.checkVisibility() && !e.closest('label.choice input'))
        .map(e => [e.closest('label.choice') ?? e, e])
        .map(([e, was]) => [e.getBoundingClientRect(), was])
        .filter(([box]) => box.width < 44 || box.height < 44)
        .map(([box, e]) => `${e.outerHTML.slice(0, 80)} ${box.width}x${box.height}`)"""
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_confirming_and_naming_a_driver_by_touch(
    live_server: Any, chromium: Browser, settings: Any, visit: Session, language: str
) -> None:
    words = {
        "en": ("English", "I will come", "Thank you. You have told us that you will come."),
        "es": ("Español", "Iré", "Gracias"),
    }[language]
    with phone(chromium) as page:
        page.goto(address_of(visit, live_server, settings))
        page.get_by_role("link", name=words[0]).tap()
        assert page.locator("html").get_attribute("lang") == language
        page.get_by_role("button", name=words[1]).tap()
        page.get_by_text(words[2]).wait_for()
        page.locator("a[href*='/driver']").tap()
        page.locator("#name").fill("Bob Miller")
        page.get_by_role("button").tap()
        page.get_by_role("alert").wait_for()
        page.locator("#phone").fill("+1 212 555 0101")
        page.get_by_role("button").tap()
        page.locator(".when").wait_for()
        assert page.locator(".note.good").count() == 2
        assert page.locator("html").get_attribute("lang") == language
    driver = Driver.objects.get(session=visit)
    assert (driver.status, driver.name, driver.phone) == ("confirmed", "Bob Miller", "+1 212 555 0101")
    assert set(Answer.objects.values_list("kind", flat=True)) == {"confirmed", "driver"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_saying_that_they_cannot_come_by_keyboard_alone(
    live_server: Any, chromium: Browser, settings: Any, visit: Session, language: str
) -> None:
    words = {
        "en": ("I cannot come", "Please call me to find another time", "Tell the clinic that I cannot come"),
        "es": ("No puedo ir", "Por favor, llámenme para buscar otra hora", "Avisar a la clínica de que no puedo ir"),
    }[language]
    Patient.objects.update(language=language)
    with phone(chromium, touch=False) as page:
        page.goto(address_of(visit, live_server, settings))
        tab_to(page, words[0])
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        page.keyboard.press("Enter")
        page.get_by_role("checkbox").wait_for()
        tab_to(page, words[1])
        page.keyboard.press("Space")
        tab_to(page, words[2])
        page.keyboard.press("Enter")
        page.get_by_role("checkbox").wait_for(state="detached")
        assert page.locator("html").get_attribute("lang") == language
    answer = Answer.objects.get()
    assert (answer.kind, answer.comment) == ("cannot_come", "Asks to be called.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_choosing_another_time_by_keyboard_alone(
    live_server: Any, chromium: Browser, settings: Any, visit: Session, language: str
) -> None:
    Patient.objects.update(language=language)
    before = visit.start
    with phone(chromium, touch=False) as page:
        page.goto(address_of(visit, live_server, settings))
        tab_to(page, page.locator("a[href$='/time']").inner_text())
        page.keyboard.press("Enter")
        page.locator(".times").first.wait_for()
        tab_to(page, page.locator(".times a").first.inner_text())
        page.keyboard.press("Enter")
        page.locator(".moves").first.wait_for()
        assert Session.objects.get(pk=visit.pk).start == before
        tab_to(page, page.locator("main button").inner_text())
        page.keyboard.press("Enter")
        page.locator(".when").wait_for()
        assert page.locator(".note.good").count() == 1
    moved = Session.objects.get(pk=visit.pk)
    assert (moved.start != before, moved.sequence, Answer.objects.get().kind) == (True, 1, "moved")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_within_reach_of_everybody(
    live_server: Any, chromium: Browser, settings: Any, visit: Session, language: str
) -> None:
    """axe-core finds nothing serious (WCAG 2.2 AA), nothing is too small to press, nothing is wider than the screen."""
    Patient.objects.update(language=language)
    Site.objects.update(allows_ride_service=True)
    with phone(chromium) as page:
        address = address_of(visit, live_server, settings)
        times = offer_times(visit, now=timezone.now())
        for part in ("", "/driver", "/cannot-come", "/time", f"/time/{times[0].start:%Y%m%dT%H%MZ}"):
            page.goto(address + part)
            assert (part, faults_of(page), too_small(page)) == (part, [], [])
            assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.goto(f"{address}/driver")
        page.get_by_role("button").click()
        assert faults_of(page) == []
        page.goto(f"{address}/cannot-come")
        page.get_by_role("button").click()
        assert (faults_of(page), too_small(page)) == ([], [])


def test_pages_work_without_scripts(live_server: Any, chromium: Browser, settings: Any, visit: Session) -> None:
    with clean_page(chromium, width=390, height=844, java_script_enabled=False) as page:
        page.goto(address_of(visit, live_server, settings))
        page.get_by_role("button", name="I will come").click()
        page.get_by_text("You have told us that you will come.").wait_for()
    assert Answer.objects.get().kind == "confirmed"


def test_old_tab_sees_what_another_did(live_server: Any, chromium: Browser, settings: Any, visit: Session) -> None:
    context = chromium.new_context()
    old, new = context.new_page(), context.new_page()
    address = address_of(visit, live_server, settings)
    for page in (old, new):
        page.goto(address)
    new.get_by_role("link", name="I cannot come").click()
    new.get_by_role("button").click()
    new.get_by_text("The clinic will call you.").wait_for()
    old.get_by_role("button", name="I will come").click()
    old.get_by_text("We know that you cannot come").wait_for()
    context.close()
    assert [answer.kind for answer in Answer.objects.all()] == ["cannot_come"]
