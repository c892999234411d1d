"""Planning visits again at a site with 60 running courses: how long a proposal, applying it and undoing it take.

    .venv/bin/python benchmarks/disruption.py

Throw-away servers of its own. Seconds of the clock, and of this process's computing in brackets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.servers import start_servers

R = TypeVar("R")


start_servers()
import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_databases, setup_test_environment  # noqa: E402

from clinic.models import Resource  # noqa: E402
from scheduling.changes import undo_change  # noqa: E402
from scheduling.disruptions.answer import propose_replanning  # noqa: E402
from scheduling.disruptions.applying import agree, apply_replanning  # noqa: E402
from scheduling.disruptions.question import Disruption, Span  # noqa: E402
from scheduling.models import Course  # noqa: E402
from tests.factories import NOW, a_day  # noqa: E402
from tests.scheduling.calendar import at  # noqa: E402
from tests.scheduling.disruptions.busy_site import fill_site  # noqa: E402

COURSES = 60
MINUTE = timedelta(minutes=1)


def timed(act: Callable[[], R]) -> tuple[R, str]:
    began, computed = time.perf_counter(), time.process_time()
    found = act()
    return found, f"{time.perf_counter() - began:.2f} s ({time.process_time() - computed:.2f} s)"


def measure(name: str, disruption: Disruption) -> None:
    with CaptureQueriesContext(connection) as asked:
        found, proposing = timed(lambda: propose_replanning(disruption, now=NOW))
    change, applying = timed(lambda: apply_replanning(disruption, [agree(answer) for answer in found.placed], now=NOW))
    assert change is not None
    _, undoing = timed(lambda: undo_change(change, now=NOW + MINUTE, by=None))
    moved = (
        f"{found.moved} of {len(found.hit)} visits move, {found.least} at least must, {len(found.unplaced)} unplaced"
    )
    print(f"{name}: {moved}; {len(found.answers)} courses")
    print(f"  proposal {proposing}, {len(asked)} queries; applied {applying}; undone {undoing}", flush=True)


def main() -> None:
    setup_test_environment()
    setup_databases(verbosity=0, interactive=False)
    site = fill_site(courses=COURSES, now=NOW)
    print(f"{Course.objects.filter(status__in=['booked', 'running']).count()} courses are booked or running")
    day = a_day(1)
    device = Resource.objects.get(site=site, name="TMS A (figure-8)")
    nurse = Resource.objects.get(site=site, name="Technician Alvarez")
    measure("A device out for two days", Disruption(site, (Span(device, at(site, 1, 0), at(site, 3, 0)),)))
    measure("A technician ill today", Disruption(site, (Span(nurse, NOW, at(site, 1, 0)),)))
    measure("Closed for a day", Disruption(site, closed=(day, day)))
    measure("Closed for two days", Disruption(site, closed=(day, a_day(2))))


if __name__ == "__main__":
    main()
