"""Our messages in a real Thunderbird: what it offers, and what its calendar holds after a click.

    .venv/bin/python -m tests.thunderbird.run

Needs Debian's thunderbird, xvfb, xdotool and imagemagick, and fetches them as root. One run takes about a minute, which
is why ./cadence test does not have it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.thunderbird.marionette import Marionette
from tests.thunderbird.profile import Row, read_store, write_profile

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
UID = "0b1f3f0e-7f5c-4f0c-9f57-2d3a5b6c7d8e"
BEFORE = datetime(2027, 3, 12, 14, tzinfo=UTC)  # 09:00 in New York, in winter and in summer time
AFTER = datetime(2027, 3, 15, 13, tzinfo=UTC)
PACKAGES = {"thunderbird": "thunderbird", "Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick"}
PATIENCE = 30

OPEN = """
const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(arguments[0]);
MailUtils.openEMLFile(window, file, Services.io.newFileURI(file));
"""
# The bar above the message, as the patient sees it: its sentence, and its buttons with their places on the screen.
BAR = """
const page = document.getElementById("tabmail").currentAboutMessage?.document;
const bar = page?.getElementById("imip-bar");
if (!bar || bar.collapsed || bar.hidden) return null;
const buttons = [...page.querySelectorAll("#imip-view-toolbar toolbarbutton")].filter(
  button => button.getBoundingClientRect().width && !button.parentNode.closest("toolbarbutton"));
const window_ = page.defaultView;
return [page.querySelector("#imip-bar .msgNotificationBarText, #imip-bar label, #imip-bar").textContent.trim() ||
    bar.label, page.title || document.title, buttons.map(button => {
  const box = button.getBoundingClientRect();
  return [button.label, window_.mozInnerScreenX + box.x + Math.min(box.width / 2, 20),
    window_.mozInnerScreenY + box.y + box.height / 2];
})];
"""
SUBSCRIBE = """
const [address, done] = arguments;
const { cal } = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");
const calendar = cal.manager.createCalendar("ics", Services.io.newURI(address));
calendar.name = "Appointments";
cal.manager.registerCalendar(calendar);
const look = async () => {
  const items = await calendar.getItemsAsArray(Ci.calICalendar.ITEM_FILTER_ALL_ITEMS, 0, null, null);
  if (!items.length) return setTimeout(look, 500);
  done(items.map(item => [item.startDate.nativeTime / 1e6, item.status, item.title]).sort());
};
look();
"""
SHOW_DAY = """
const [day] = arguments;
const { cal } = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");
document.getElementById("tabmail").openTab("calendar", { background: false });
window.switchToView("month");
window.goToDate(cal.createDateTime(day));
"""
CLOSE = "const tabs = document.getElementById('tabmail'); tabs.closeTab(tabs.currentTabInfo);"


class Sink:
    """Takes the answers that Thunderbird sends."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.answers.append(envelope.original_content or b"")
        return "250 OK"


class Patient:
    """Somebody with Thunderbird before them: opens a message, looks, clicks."""

    def __init__(self, marionette: Marionette, profile: Path, pictures: Path | None, display: dict[str, str]) -> None:
        self.marionette, self.profile, self.pictures, self.display = marionette, profile, pictures, display

    def open(self, name: str) -> tuple[str, list[str]]:
        self.marionette.run(OPEN, str(GOLDEN / f"{name}-new-york-spring.eml"))
        bar = self.wait(lambda: self.bar(name), f"no bar above {name}")
        time.sleep(1)
        self.take_picture(name)
        return bar[0], [button[0] for button in bar[2]]

    def bar(self, name: str) -> Any:
        """Once it has made up its mind: it looks the event up in the calendars first."""
        bar = self.marionette.run(BAR)
        return bar if bar and bar[2] else None

    def click(self, label: str) -> None:
        """A real click of the mouse, at the place on the screen."""
        x, y = next((x, y) for text, x, y in self.marionette.run(BAR)[2] if text == label)
        subprocess.run(
            ["xdotool", "mousemove", str(round(x)), str(round(y)), "click", "1"], env=self.display, check=True
        )

    def subscribe(self) -> Any:
        """To the golden feed, from a web server of our own; then the month of it is looked at."""
        with run_web_server(GOLDEN) as address:
            shown = self.marionette.wait_for(SUBSCRIBE, f"{address}/feed-new-york-spring.ics")
            self.marionette.run(SHOW_DAY, f"{BEFORE:%Y%m%d}T000000")
            time.sleep(4)
            self.take_picture("feed")
        return shown

    def close(self) -> None:
        self.marionette.run(CLOSE)

    def store(self) -> list[Row]:
        return read_store(self.profile)

    def wait(self, look: Callable[[], Any], fault: str) -> Any:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.5)
        self.take_picture("fault")
        raise SystemExit(f"thunderbird: {fault} within {PATIENCE} s; the store holds {self.store()}")

    def take_picture(self, name: str) -> None:
        if self.pictures:
            file = self.pictures / f"thunderbird-{name}.png"
            subprocess.run(["import", "-window", "root", str(file)], env=self.display, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=Path, help="folder to put screenshots into")
    parser.add_argument("--answers", type=Path, help="folder to put the mails into that Thunderbird sent")
    options = parser.parse_args()
    provide_packages()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cadence-thunderbird-")))
        patient, sink = stack.enter_context(run_thunderbird(folder, options.pictures))
        tell(patient, sink)
        for number, answer in enumerate(sink.answers if options.answers else [], start=1):
            (options.answers / f"thunderbird-answer-{number}.eml").write_bytes(answer)


def tell(patient: Patient, sink: Sink) -> None:
    say(f"Thunderbird {patient.marionette.run('return Services.appinfo.version')}")

    sentence, buttons = patient.open("request")
    say(f"request: {sentence!r} offers {buttons}")
    expect("Accept" in buttons and "Decline" in buttons, "the request offers Accept and Decline")
    patient.click("Accept")
    row = Row(UID, BEFORE, 0, "CONFIRMED", "ACCEPTED")
    patient.wait(lambda: patient.store() == [row], "the accepted event is not in the store")
    say(f"accepted: {row}")
    patient.wait(lambda: sink.answers, "no answer was sent")
    say(f"its answer: {describe(sink.answers[0])}")
    patient.close()

    sentence, buttons = patient.open("update")
    say(f"update: {sentence!r} offers {buttons}")
    patient.click("Accept")
    row = Row(UID, AFTER, 1, "CONFIRMED", "ACCEPTED")
    patient.wait(lambda: patient.store() == [row], "the update has not moved the event")
    say(f"moved: {row}")
    patient.close()

    sentence, buttons = patient.open("cancel")
    say(f"cancel: {sentence!r} offers {buttons}")
    expect("cancel" in sentence.lower() and "Accept" not in buttons, "the cancellation is known as one")
    patient.click("Delete")
    patient.wait(lambda: patient.store() == [], "the cancelled event is still in the store")
    say("gone: the store holds no event")
    patient.close()

    shown = [(datetime.fromtimestamp(start, tz=UTC), status) for start, status, _title in patient.subscribe()]
    say(f"subscribed: {shown}")
    cancelled = BEFORE + timedelta(hours=6)
    expect(
        shown == [(BEFORE, "CONFIRMED"), (cancelled, "CANCELLED"), (AFTER, "CONFIRMED")],
        "the subscription shows what the feed says",
    )


def describe(content: bytes) -> str:
    for part in message_from_bytes(content).walk():
        if part.get_content_type() == "text/calendar":
            answer = part.get_payload(decode=True)
            text = answer.decode() if isinstance(answer, bytes) else ""
            lines = text.replace("\r\n ", "").splitlines()
            wanted = ("METHOD", "UID", "SEQUENCE", "ATTENDEE")
            return "; ".join(line for line in lines if line.startswith(wanted))
    return "a mail without a calendar object"


def expect(truth: bool, claim: str) -> None:
    if not truth:
        raise SystemExit(f"thunderbird: it does not hold that {claim}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def provide_packages() -> None:
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        subprocess.run([*root, "apt-get", "-qq", "update"], check=True)
        install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *missing]
        subprocess.run([*root, "env", "DEBIAN_FRONTEND=noninteractive", *install], check=True)


@contextmanager
def run_thunderbird(folder: Path, pictures: Path | None) -> Iterator[tuple[Patient, Sink]]:
    profile, port = folder / "profile", free_port()
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    write_profile(profile, marionette=port, smtp=controller.port)
    with ExitStack() as stack:
        controller.start()
        stack.callback(controller.stop)
        display = stack.enter_context(run_screen())
        environment = {**os.environ, **display, "HOME": str(folder), "TZ": "America/New_York", "LC_ALL": "C.UTF-8"}
        command = ["thunderbird", "--no-remote", "--profile", str(profile)]
        log = stack.enter_context((folder / "log").open("wb"))
        application = subprocess.Popen(
            [*command, "--marionette", "--remote-allow-system-access"], env=environment, stdout=log, stderr=log
        )
        stack.callback(end, application)
        marionette = Marionette(port)
        patient = Patient(marionette, profile, pictures, environment)
        patient.wait(lambda: marionette.run("return !!document.getElementById('tabmail')?.currentTabInfo"), "no window")
        time.sleep(5)  # the calendar loads after the window
        marionette.run("window.moveTo(0, 0); window.resizeTo(1280, 900);")
        yield patient, sink


@contextmanager
def run_web_server(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked for is known."""


@contextmanager
def run_screen() -> Iterator[dict[str, str]]:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24"]
    screen = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            yield {"DISPLAY": f":{answer.readline().strip()}"}
    finally:
        end(screen)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


if __name__ == "__main__":
    main()
