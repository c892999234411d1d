"""Tests marked `browser` drive the system's Chromium; without one they are left out, and a line says so."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from clinic.pytest_left_out import leave_out

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LEFT_OUT = pytest.StashKey[int]()


def find_chromium() -> str | None:
    return os.environ.get("CADENCE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_here = find_chromium() is not None
    config.stash[LEFT_OUT] = leave_out(
        config, items, marker="browser", is_here=is_here, missing="Chromium", package="chromium"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} browser tests were left out, for want of Chromium (apt-get install chromium)."
        )


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """A headless Chromium, shared by the run; take a new context for each test."""
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop in this thread, which is enough for Django to suspect async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=sandbox)
        yield browser
        browser.close()
