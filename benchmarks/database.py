"""Reading and planning one course while the database fills with a million bookings outside its horizon.

    .venv/bin/python benchmarks/database.py [1000000]      # prints JSON; `against_cpsat.py --row growth` runs it

Throw-away servers of its own. The bookings lie in the years before, in quarters of an hour, on the resources that the
course needs.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.servers import start_servers

start_servers()
import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_databases, setup_test_environment  # noqa: E402

from benchmarks.memory import peak_megabytes  # noqa: E402
from clinic.models import Resource, Site  # noqa: E402
from protocols.library import load_library  # noqa: E402
from protocols.models import ProtocolVersion  # noqa: E402
from scheduling.demo.site import make_site  # noqa: E402
from scheduling.engine import plan  # noqa: E402
from scheduling.models import Course, CourseStatus, Hold  # noqa: E402
from scheduling.snapshots import read_problem  # noqa: E402
from tests.factories import NOW, make_patient  # noqa: E402
from tests.scheduling.calendar import at, make_course, put_session  # noqa: E402

SIZES = (0, 1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 5

FILL = """
INSERT INTO scheduling_hold (session_id, position, resource_id, seat, "start", "end")
SELECT (%(anchors)s::bigint[])[1 + (n * %(width)s + i) / 30000], (n * %(width)s + i) %% 30000, resource, 0,
       %(until)s - n * interval '15 minutes', %(until)s - (n - 1) * interval '15 minutes'
FROM unnest(%(resources)s::bigint[]) WITH ORDINALITY AS r(resource, i),
     generate_series(%(first)s::int, %(last)s::int) AS n
"""


def fill(anchors: list[int], resources: list[int], begun: int, wanted: int) -> None:
    """Up to `wanted` bookings in all: the same number of quarters on every resource, back from a month ago."""
    width = len(resources)
    values: dict[str, Any] = {
        "anchors": anchors,
        "resources": resources,
        "width": width,
        "first": begun // width + 1,
        "last": wanted // width,
        "until": at(Site.objects.get(), -30, 8),
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
        cursor.execute("ANALYZE scheduling_hold")


def measure(course: Course) -> dict[str, Any]:
    reading, planning = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        problem = read_problem(site=course.site, courses=[course], now=NOW)
        reading.append(time.perf_counter() - began)
        began = time.process_time()
        result = plan(problem, time_limit=5)
        planning.append(time.process_time() - began)
    with CaptureQueriesContext(connection) as context:
        read_problem(site=course.site, courses=[course], now=NOW)
    return {
        "bookings": Hold.objects.count(),
        "read": min(reading),
        "plan": min(planning),
        "queries": len(context),
        "of_occupancy": sum("range_agg" in query["sql"].lower() for query in context.captured_queries),
        "cost": result.cost,
        "optimal": result.courses[0].optimal,
        "megabytes": peak_megabytes(),
    }


def main() -> None:
    setup_test_environment()
    setup_databases(verbosity=0, interactive=False)
    load_library(now=NOW)
    version = ProtocolVersion.objects.published().get(protocol__code="tms-10hz")
    site = make_site(now=NOW)
    course = make_course(patient=make_patient(site=site), version=version)
    stopped = make_course(patient=make_patient(site=site), version=version, status=CourseStatus.STOPPED)
    anchors = [put_session(stopped, number=1, start=at(site, -3, 6), status="cancelled").pk for _ in range(40)]
    needed = Resource.objects.filter(site=site, kind__in=["tms_device", "tms_operator"])
    resources = list(needed.values_list("pk", flat=True))
    most = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    sizes = [size for size in SIZES if size <= most]
    rows = []
    for before, size in zip([0, *sizes], sizes, strict=False):
        if size:
            fill(anchors, resources, before, size)
        rows.append(measure(course))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
