"""A browser that notes everything the content security policy or a script complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.utils import timezone

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REPORT = """
document.addEventListener("securitypolicyviolation",
  (e) => console.error("policy: " + e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile));
"""


@contextmanager
def clean_page(chromium: Browser, *, width: int = 1400, height: int = 900, **options: Any) -> Iterator[Page]:
    """A page that must not have complained by the end."""
    context = chromium.new_context(
        viewport={"width": width, "height": height}, timezone_id="America/New_York", **options
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.add_init_script(REPORT)
    page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda r: complaints.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    yield page
    context.close()
    if complaints:
        raise AssertionError("\n".join(complaints))


def zone_where_it_is(hour: int) -> str:
    """A zone in which it is about that hour now, so that the hour of the test run does not matter."""
    ahead = (hour - timezone.now().hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}"  # Etc/GMT+5 is five hours behind UTC


def log_in(page: Page, base: str, username: str) -> None:
    page.goto(f"{base}/admin/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation", name="Main").wait_for()


def tab_to(page: Page, text: str, *, at_most: int = 60) -> None:
    """Press Tab until the focus is on the control whose first line of name or text is so."""
    focused = "(document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText || '').trim()"
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if str(page.evaluate(focused)).split("\n")[0] == text:
            return
    raise AssertionError(f"The keyboard does not reach {text!r}.")
