import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections

from clinic import localservices
from clinic.localservices import Place
from clinic.localservices.place import BASE_DIR
from clinic.reachability import refuse_unreachable
from clinic.single_copy import only_copy, refuse_taken_port
from clinic.supervision import StopAsked, StopSignals, Supervisor, die_with_parent

WEB = (
    *("-m", "gunicorn", "clinic.wsgi", "--preload", "--workers", "2", "--threads", "4", "--no-control-socket"),
    *("--logger-class", "clinic.web_log.DiscreetLogger"),
)
WORKER = ("-m", "celery", "-A", "clinic", "worker", "--concurrency", "2", "--loglevel", "INFO")
BEAT = ("-m", "celery", "-A", "clinic", "beat", "--loglevel", "INFO", "--pidfile", "")


class Command(BaseCommand):
    help = "Run web, worker and beat together until Ctrl-C, on embedded servers unless others are named."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--demo", action="store_true", help="load the demonstration clinic into an empty DATABASE_URL"
        )

    def handle(self, *, port: int, demo: bool, **options: object) -> None:
        place = localservices.find_place()
        signals = StopSignals()
        with only_copy(place, f"http://127.0.0.1:{port}/"):
            refuse_taken_port(port)
            supervisor = Supervisor(place.state / "log")
            try:
                self.start(place, supervisor, signals, port=port, demo=demo or localservices.uses_embedded_database())
                while True:
                    supervisor.refuse_dead()
                    time.sleep(0.5)
            except StopAsked:
                self.say("\nStopping ...")
            finally:
                signals.deferred = True
                supervisor.stop()
                localservices.stop(place)
        self.say("Stopped.")

    def start(self, place: Place, supervisor: Supervisor, signals: StopSignals, *, port: int, demo: bool) -> None:
        self.tell_place(place)
        (place.state / "mail").mkdir(mode=0o700, exist_ok=True)
        with signals.whole():
            localservices.ensure_for_environment()
        refuse_unreachable()
        self.say("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("load_library", stdout=self.stdout)
        if demo and not get_user_model().objects.exists():
            call_command("load_demo", prepare=True, demo=True, stdout=self.stdout)
        logins = read_logins(place) if demo else []
        if demo and not logins and not localservices.uses_embedded_database():
            self.say("The database is not empty: the demonstration was not loaded.")
        connections.close_all()
        if "PUBLIC_URL" not in os.environ:
            os.environ["PUBLIC_URL"] = f"http://localhost:{port}"  # for the links in messages
        supervisor.start("web", *WEB, "--bind", f"127.0.0.1:{port}")
        supervisor.start("worker", *WORKER)
        supervisor.start("beat", *BEAT, "--schedule", str(place.state / "beat-schedule"))
        supervisor.wait_until_answering(port)
        self.greet(place, logins, port=port)
        if logins:
            self.fill_demo(supervisor)

    def tell_place(self, place: Place) -> None:
        if localservices.uses_embedded_database() and place.state != BASE_DIR / "var":
            reason = "" if "CADENCE_STATE_DIR" in os.environ else f", because PostgreSQL may not enter {BASE_DIR}"
            self.say(f"The data lie in {place.state}{reason}.")

    def greet(self, place: Place, logins: list[dict[str, str]], *, port: int) -> None:
        self.say(f"\nCadence is ready: http://127.0.0.1:{port}/")
        if logins:
            self.say("\nThe demonstration clinic's accounts:")
        for login in logins:
            self.say(f"  {login['role']:<20} {login['username']:<20} {login['password']}")
        self.say(
            f"\nLogs lie in {place.state / 'log'}; mail goes to {settings.EMAIL_HOST or settings.EMAIL_FILE_PATH}. "
            "Ctrl-C stops everything.\n"
        )

    def fill_demo(self, supervisor: Supervisor) -> None:
        """Book it while the page answers already; the command prints its own progress and counts."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), "load_demo", "--fill"]
        child = subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent)
        try:
            while child.poll() is None:
                supervisor.refuse_dead()
                time.sleep(0.2)
        finally:
            child.terminate()
            child.wait()
        if child.returncode:
            self.say("The demonstration clinic is not complete; the next ./cadence run carries on with it.")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def read_logins(place: Place) -> list[dict[str, str]]:
    """The demonstration's accounts that are still there."""
    path = place.state / "demo-logins.json"
    if not path.exists():
        return []
    logins: list[dict[str, str]] = json.loads(path.read_text())
    here = get_user_model().objects.filter(is_active=True).values_list("username", flat=True)
    return [login for login in logins if login["username"] in set(here)]
