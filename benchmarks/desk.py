"""The pages of the front desk at a clinic with a long past and a full calendar.

    .venv/bin/python benchmarks/desk.py             # every part
    .venv/bin/python benchmarks/desk.py today       # one part

Throw-away servers of its own. Each page is measured twice: at the server (wall and CPU time of a request, and its
queries), and in Chromium, from the click to the page that can be used.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's event loop is in this thread

from benchmarks.servers import start_servers

start_servers()
import django  # noqa: E402

django.setup()

from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.testcases import LiveServerThread  # noqa: E402
from django.test.utils import (  # noqa: E402
    CaptureQueriesContext,
    setup_databases,
    setup_test_environment,
    teardown_databases,
)
from django.utils import timezone  # noqa: E402

from clinic.models import User  # noqa: E402
from clinic.pytest_browser import find_chromium  # noqa: E402
from scheduling.models import Hold, Notice, Session  # noqa: E402
from tests import factories  # noqa: E402
from tests.scheduling.desk.long_history import fill_history, fill_today  # noqa: E402
from tests.scheduling.full_board import fill_day  # noqa: E402

ROUNDS = 20
LOADS = 7
PASSWORD = "correct horse"  # noqa: S105  of the accounts that the test factories make
USABLE = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def measure_server(user: User, path: str) -> None:
    client = Client()
    client.force_login(user)
    client.get(path)
    wall, cpu = [], []
    for _ in range(ROUNDS):
        began, spent = time.perf_counter(), time.process_time()
        assert client.get(path).status_code == 200
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - spent))
    with CaptureQueriesContext(connection) as context:
        client.get(path)
    print(
        f"{path}: server median {statistics.median(wall):.0f} ms, slowest {max(wall):.0f} ms,"
        f" CPU {statistics.median(cpu):.0f} ms; {len(context)} queries"
    )


def measure_browser(user: User, path: str, *, ready: str, first: str = "") -> None:
    """From the request to the page that can be used: everything loaded and `ready` (a selector) there.

    `first` is run in the browser after the login: what a clerk has chosen once, and the browser keeps.
    """
    from playwright.sync_api import sync_playwright

    server = LiveServerThread("127.0.0.1", StaticFilesHandler, connections_override={})
    server.start()
    server.is_ready.wait()
    base = f"http://127.0.0.1:{server.port}"
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=sandbox)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{base}/admin/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("navigation", name="Main").wait_for()
        if first:
            page.evaluate(first)
        times = []
        for _ in range(LOADS):
            began = time.perf_counter()
            page.goto(f"{base}{path}")
            page.locator(ready).first.wait_for()
            times.append(1000 * (time.perf_counter() - began))
        usable = page.evaluate(USABLE)
        browser.close()
    server.terminate()
    connections.close_all()
    print(
        f"{path}: in Chromium median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms;"
        f" the last could be used after {usable:.0f} ms"
    )


def measure_today() -> None:
    """Today at a site with 100,000 past visits, and the lists that its numbers open."""
    site = factories.make_site(days=7)
    clerk = factories.make_user(sites=(site,))
    now = timezone.now().astimezone(site.zone).replace(hour=12, minute=0, second=0, microsecond=0)
    fill_history(site, past=100_000, ahead=1_200, now=now, clerk=clerk)
    fill_today(site, now=now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(
        f"Today: {Session.objects.filter(start__lt=now - timedelta(days=1)).count():,} past visits and"
        f" {Session.objects.filter(start__gte=now).count():,} to come, {Hold.objects.count():,} seats held,"
        f" {Notice.objects.count():,} messages"
    )
    for path in ("/admin/", *(f"/admin/today/{name}/" for name in ("drivers", "unrecorded", "decisions", "forms"))):
        measure_server(clerk, path)
    measure_server(clerk, "/admin/today/print/")
    measure_browser(clerk, "/admin/", ready="table.day tbody tr")


def measure_board() -> None:
    """The day board of 20 resources, all of them shown, and 200 visits."""
    site = factories.make_site(days=7)
    clerk = factories.make_user(sites=(site,))
    fill_day(site)
    path = f"/admin/scheduling/session/board/?site={site.pk}&day={factories.a_day()}"
    print(f"Day board: {site.resources.count()} resources, {site.sessions.count()} visits")
    measure_server(clerk, path)
    kinds = json.dumps(json.dumps(["device", "technician"]))
    keep = f"localStorage.setItem('board-kinds-{site.pk}-day', {kinds})"
    measure_browser(clerk, path, ready="#board[data-ready] .ec-event.visit >> nth=399", first=keep)


PARTS: dict[str, Callable[[], None]] = {"today": measure_today, "board": measure_board}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    for name in wanted:
        PARTS[name]()
    connections.close_all()
    teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
