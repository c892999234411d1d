"""Ten thousand due messages, claimed and sent by two workers to an SMTP server on the same machine.

    .venv/bin/python benchmarks/delivery.py [10000] [--workers 2] [--quick-disk] [--profile]

Servers of its own, as durable as those of an installation (--quick-disk: without fsync, as in tests). The messages are
calendar invites, course calendars of 12 visits, reminders and reminders of sedating visits with instructions. Printed:
the rate, the CPU of each process for a message, the workers' memory along the way, the queries of a chunk, how long
the one window stands open (docs/messages.md), and how PostgreSQL claims.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"

from clinic import localservices  # noqa: E402


@contextmanager
def own_servers(*, durable: bool) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="cadence-delivery-") as folder:
        Path(folder).chmod(0o755)
        os.environ["CADENCE_STATE_DIR"] = folder
        place = localservices.find_place()
        localservices.ensure(place, broker=False, durable=durable)
        try:
            yield
        finally:
            localservices.stop(place)


@contextmanager
def running_sink() -> Iterator[subprocess.Popen[str]]:
    sink = subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / "smtp_sink.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield sink
    finally:
        sink.kill()
        sink.wait()


def fill(count: int) -> None:
    """At three sites."""
    from django.utils import timezone

    from tests import factories
    from tests.scheduling.messages import many

    sites = [factories.make_site(code=f"site{n}") for n in range(3)]
    many.fill(sites, count, now=timezone.now())


def fill_sent(count: int) -> None:
    """What an installation has sent before: copies of the due rows, long since done."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduling_notice (uuid, patient_id, course_id, session_id, kind, channel, key, message_id,
                recipient, provider_id, zone, status, due_at, attempts, uncertain, content_hash, outcome, created_at,
                sent_at)
            SELECT gen_random_uuid(), patient_id, course_id, session_id, kind, channel, key || ':' || n,
                '<' || n || '-' || id || '@old.example>', '', '', '', 'sent', due_at - n * interval '1 day', 1, false,
                '', 'sent', created_at, due_at - n * interval '1 day'
            FROM scheduling_notice, generate_series(1, %s) AS n
            """,
            [max(1, count // 10_000)],
        )
        cursor.execute("ANALYZE")


def work(profile: bool) -> None:
    """A worker: everything that is due, in runs as a task would make them."""
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from scheduling.messages import delivery

    seen: Counter[str] = Counter()
    marked: dict[str, float] = {}
    finish = delivery.finish

    def finish_and_note(notice: Any, *arguments: Any) -> str:
        name = finish(notice, *arguments)
        marked[notice.message_id] = time.time()
        return name

    delivery.finish = finish_and_note  # type: ignore[assignment]

    def count_query(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        seen["queries"] += 1
        return execute(sql, params, many, context)

    def deliver() -> None:
        while counts := delivery.deliver_due(now=timezone.now(), limit=100_000):
            seen.update(counts)

    connection.ensure_connection()
    began = time.process_time()
    with connection.execute_wrapper(count_query):
        if profile:
            import cProfile
            import pstats

            profiler = cProfile.Profile(time.process_time)
            profiler.runcall(deliver)
            pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(110)
        else:
            deliver()
    print(json.dumps({**seen, "cpu": time.process_time() - began, "marked": marked}))


def memory_of(pid: int) -> float:
    """Megabytes resident; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def cpu_of(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def start(command: list[str], answer: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Its answer goes to a file: a pipe would be full before anybody reads it."""
    with answer.open("w") as output:
        return subprocess.Popen(command, env=environment, stdout=output, cwd=ROOT)


def run_workers(count: int, *, port: int, profile: bool) -> tuple[list[dict[str, Any]], list[list[float]], float]:
    """What each worker says of itself, its memory ten times a second, and how long they took together."""
    scratch = Path(os.environ["CADENCE_STATE_DIR"])
    environment = {**os.environ, "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
    command = [sys.executable, __file__, "--work", *(["--profile"] if profile else [])]
    began = time.monotonic()
    answers = [scratch / f"worker-{number}.json" for number in range(count)]
    workers = [start(command, answer, environment) for answer in answers]
    memory: list[list[float]] = [[] for _ in workers]
    while any(worker.poll() is None for worker in workers):
        for worker, samples in zip(workers, memory, strict=True):
            samples.append(memory_of(worker.pid))
        time.sleep(0.1)
    took = time.monotonic() - began
    said = [json.loads(answer.read_text()) for answer in answers]
    return said, [[size for size in samples if size] for samples in memory], took


def explain_claim() -> str:
    from django.db import transaction
    from django.utils import timezone

    from scheduling.messages.claiming import due_rows

    with transaction.atomic():
        return str(due_rows(now=timezone.now() + timedelta(days=1))[:100].explain(analyze=True))


def server_cpu() -> float:
    """Of all processes of PostgreSQL that live now."""
    place = localservices.find_place()
    parent = int((place.pgdata / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    fields = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return cpu_of([parent, *map(int, children)]) + ended


def report(sink: dict[str, Any], workers: list[dict[str, Any]], memory: list[list[float]], took: float) -> None:
    sent = sum(worker.get("sent", 0) for worker in workers)
    accepted = sink["accepted"]
    seconds = max(accepted.values()) - min(accepted.values())
    print(f"sent {sent}, arrived {sink['count']} with {len(accepted)} Message-IDs, "
          f"{sink['bytes'] / sink['count'] / 1024:.1f} KiB each")  # fmt: skip
    print(f"{sink['count'] / seconds:.0f} a second: {seconds:.1f} s from first to last, "
          f"{took:.1f} s with the start of the processes")  # fmt: skip
    for number, (worker, samples) in enumerate(zip(workers, memory, strict=True), 1):
        mine = worker.get("sent", 0) or 1
        begin, middle = len(samples) // 5, len(samples) // 2
        print(f"worker {number}: {mine} sent, {1000 * worker['cpu'] / mine:.1f} ms CPU a message, "
              f"{worker['queries'] / mine:.2f} queries a message; memory {samples[begin]:.0f} MB early, "
              f"{samples[middle]:.0f} MB half way, {samples[-1]:.0f} MB at the end")  # fmt: skip
    print(f"sink: {1000 * sink['cpu'] / sink['count']:.1f} ms CPU a message")
    marked = {key: at for worker in workers for key, at in worker["marked"].items()}
    windows = sorted(1000 * (at - accepted[key]) for key, at in marked.items())
    share = sum(windows) / 1000 / seconds / len(workers)
    print(f"from acceptance to the mark: median {statistics.median(windows):.1f} ms, 99 of 100 within "
          f"{windows[len(windows) * 99 // 100]:.1f} ms, widest {windows[-1]:.1f} ms; "
          f"{100 * share:.0f} % of a sending worker's time")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick-disk", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.profile)
        return
    with own_servers(durable=not options.quick_disk), running_sink() as sink:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        began = time.monotonic()
        fill(options.count)
        fill_sent(10 * options.count)
        print(f"{options.count} messages due among {10 * options.count} sent, in {time.monotonic() - began:.0f} s")
        print(explain_claim())
        assert sink.stdin and sink.stdout
        spent = server_cpu()
        said, memory, took = run_workers(options.workers, port=int(sink.stdout.readline()), profile=options.profile)
        spent = server_cpu() - spent
        sink.stdin.close()
        counted = json.loads(sink.stdout.readline())
        report(counted, said, memory, took)
        print(f"PostgreSQL: {1000 * spent / counted['count']:.1f} ms CPU a message")


if __name__ == "__main__":
    main()
